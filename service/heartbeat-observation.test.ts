import { expect, test } from "vitest";
import { observeHeartbeat } from "./heartbeat-observation.ts";
import { createLogger } from "./logger.ts";
import { createMetrics } from "./metrics.ts";

test("heartbeats that fail show in the metrics and in the log, with the reason, until they are published again", async () => {
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger({
    name: "t",
    level: "info",
    destination: { write: (line) => lines.push(JSON.parse(line)) },
  });
  const metrics = createMetrics({ processMetrics: false });
  const failing = async () => /^signalbox_heartbeat_failing (\d)$/m.exec((await metrics.expose()).text)?.[1];
  const heard = observeHeartbeat({ metrics, logger });
  expect(await failing()).toBe("0");
  heard("NATS is away");
  expect(await failing()).toBe("1");
  heard(null);
  expect(await failing()).toBe("0");
  expect(lines).toMatchObject([{ level: "warn", reason: "NATS is away" }, { level: "info" }]);
});
