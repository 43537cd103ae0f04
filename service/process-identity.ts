import { hostname } from "node:os";
import manifest from "../package.json" with { type: "json" };

/** The version of Signalbox. */
export const version: string = manifest.version;

/** Who a process is, for logs, metrics and its heartbeat. */
export type ProcessIdentity = {
  /** Unique among the processes alive: host name and process id. */
  readonly id: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly version: string;
};

export function processIdentity(now: () => Date): ProcessIdentity {
  return { id: `${hostname()}-${process.pid}`, startedAt: now().toISOString(), version };
}
