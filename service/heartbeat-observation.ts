import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";

/**
 * Shows in `/metrics` and in the log whether a process' heartbeats reach NATS: what is returned takes why they do not, or
 * null when they do again.
 */
export function observeHeartbeat({ metrics, logger }: { metrics: Metrics; logger: Logger }) {
  const failing = metrics.gauge({
    name: "signalbox_heartbeat_failing",
    help: "1 while the heartbeat cannot be published, so that others count this process as dead, else 0.",
  });
  return (problem: string | null): void => {
    failing.set(problem === null ? 0 : 1);
    if (problem === null) logger.info({}, "heartbeats are published again");
    else logger.warn({ reason: problem }, "heartbeats cannot be published");
  };
}
