import { createAllowance } from "./allowance.ts";
import type { StreamInfo, XdsLogger } from "./hooks.ts";
import type { Verdict } from "./subscription.ts";

export type Nack = Extract<Verdict, { readonly kind: "nack" }>;

/** NACKs that are logged, per stream and minute. */
const logLines = { lines: 20, perMs: 60_000 };

/** Characters of a client's message, and names, that are logged. */
const [maxLoggedReason, maxLoggedNames] = [4096, 20];

export type NackLogDeps = {
  readonly info: StreamInfo;
  readonly logger: XdsLogger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
};

/** Logs what the client of one stream refuses, each NACK once; one that refuses again and again does not fill the log. */
export function createNackLog({ info, logger, now }: NackLogDeps): (typeUrl: string, nack: Nack) => void {
  const allowances = createAllowance({ ...logLines, now });
  const nodeId = info.node.id;
  return (typeUrl, { names, message, isUndecided }) => {
    const allowance = allowances.take();
    if (allowance === "none") return;
    const fields = { nodeId, typeUrl, resourceNames: names.slice(0, maxLoggedNames), resources: names.length };
    const reason = message.slice(0, maxLoggedReason);
    if (isUndecided)
      logger.info({ ...fields, reason }, "client refused a response; its resources are offered in parts");
    else logger.warn({ ...fields, reason }, "client refused resources; its last good ones stay");
    if (allowance === "last") logger.warn({ nodeId }, "client refuses again and again; for now only counted");
  };
}
