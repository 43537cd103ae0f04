import { hostname } from "node:os";
import manifest from "../package.json" with { type: "json" };

/** The version of Signalbox. */
export const version: string = manifest.version;

/** Who a process is, for logs, metrics and its heartbeat. */
export type ProcessIdentity = {
  /** Unique among the processes alive: host name and process id, and the start where that counts. */
  readonly id: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly version: string;
};

/**
 * A container is started again with the host name and the process id that it had. Where the next process is to be another one to
 * those who listen, `each` is `life`: its id has the time of its start besides.
 */
export function processIdentity(now: () => Date, each: "place" | "life" = "place"): ProcessIdentity {
  const startedAt = now();
  const place = `${hostname()}-${process.pid}`;
  const id = each === "place" ? place : `${place}-${startedAt.getTime().toString(36)}`;
  return { id, startedAt: startedAt.toISOString(), version };
}
