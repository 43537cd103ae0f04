import type { Rejection } from "../live-documents.ts";

/** Where a follower stands, for `/readyz`, metrics and `signalbox status`. */
export type FollowerStatus = {
  /** There are live documents to work with, stale or not. */
  readonly ready: boolean;
  readonly source: "none" | "snapshot" | "store";
  /** Connected to NATS and watching. */
  readonly connected: boolean;
  /** Store revision up to which everything is taken into account. */
  readonly revision: number;
  /** Since when something may be missing (ISO 8601); absent while connected and up to date. */
  readonly staleSince?: string;
  /** Why NATS does not answer, as last seen; absent when it does. */
  readonly lastError?: string;
  /** Why the snapshot could not be written; absent when it could. */
  readonly snapshotError?: string;
  /** The bucket was deleted and made anew: so many documents are live that the new one does not hold. */
  readonly carriedOver?: { readonly documents: number; readonly since: string };
};

/** What happens to a follower, one event each, for the log and the counters of its process. */
export type FollowEvent =
  | {
      readonly type: "snapshot-loaded";
      readonly revision: number;
      readonly documents: number;
      readonly currentAt: string;
    }
  | { readonly type: "snapshot-unusable"; readonly file: string; readonly reason: string }
  | { readonly type: "snapshot-not-written"; readonly reason: string }
  | { readonly type: "connected"; readonly server: string }
  /** Once per loss, not once per attempt. */
  | { readonly type: "disconnected"; readonly reason: string }
  | { readonly type: "ready"; readonly source: "snapshot" | "store"; readonly revision: number }
  | { readonly type: "caught-up"; readonly revision: number }
  | { readonly type: "updated"; readonly revision: number }
  /** `held`: nothing is wrong with it, it waits for a pin. */
  | { readonly type: "rejected" | "held"; readonly rejection: Rejection }
  | { readonly type: "stream-replaced"; readonly documents: number }
  /** A listener threw; the others got the update, and it will get the next one. */
  | { readonly type: "listener-failed"; readonly error: unknown }
  /** A stored batch could not be settled; it is rejected. */
  | { readonly type: "settle-failed"; readonly revision: number; readonly error: unknown };
