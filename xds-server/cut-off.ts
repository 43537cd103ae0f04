import { status } from "@grpc/grpc-js";
import { Refusal } from "./protocol/call.ts";
import type { XdsServer } from "./protocol/server.ts";

export type CutOffDeps = {
  readonly xds: Pick<XdsServer, "endStreams">;
  /** Milliseconds since this process was last heard of. */
  readonly silentMs: () => number;
  /** Whether there was another xds-server when this one was last in touch. */
  readonly hasOthers: () => boolean;
  /** Hears of it each time that the streams are ended. */
  readonly onEnd: () => void;
  readonly signal: AbortSignal;
};

/** An xds-server that nobody has heard of for so long sends its Envoys elsewhere, before it no longer counts. */
export const cutOffAfterMs = 4000;
const firstPauseMs = 1500;
const longestPauseMs = 60_000;

/**
 * Sends the Envoys of an xds-server that is cut off from NATS to another one: theirs would miss every change, and nobody would
 * wait for them. They may come back, for NATS may be away from all; then they are sent away again, less and less often.
 */
export function sendAwayWhenCutOff({ xds, silentMs, hasOthers, onEnd, signal }: CutOffDeps): void {
  let dueAtMs = cutOffAfterMs;
  let pauseMs = firstPauseMs;
  const timer = setInterval(() => {
    const silent = silentMs();
    if (silent < cutOffAfterMs) {
      dueAtMs = cutOffAfterMs;
      pauseMs = firstPauseMs;
      return;
    }
    if (silent < dueAtMs || !hasOthers()) return;
    dueAtMs = silent + pauseMs;
    pauseMs = Math.min(2 * pauseMs, longestPauseMs);
    xds.endStreams(() => new Refusal(status.UNAVAILABLE, "cut off from NATS; reconnect elsewhere"));
    onEnd();
  }, 250);
  timer.unref();
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}
