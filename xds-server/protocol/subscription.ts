import type { StoredResource } from "./resource.ts";
import type { TypeView } from "./type-view.ts";

/** A response to be sent, before it is encoded. */
export type Response = {
  readonly typeUrl: string;
  /** `version_info`, or `system_version_info` in a delta response. */
  readonly version: string;
  readonly nonce: string;
  readonly resources: readonly StoredResource[];
  /** Those of `resources` that the client did not have in this version, or asked for. */
  readonly changed: readonly StoredResource[];
  /** Delta only: names that are gone or never existed. */
  readonly removed: readonly string[];
  /** Delta only: resources whose time to live starts anew; sent without their content. */
  readonly heartbeats?: readonly StoredResource[];
};

/** How far a subscription may go now, so that the types of one stream change in the right order. */
export type Gate = {
  /** Changes up to this sequence may be sent. Answers to what the client asked for are never held. */
  readonly pushLimit: number;
  /** Whether a removal of this sequence may be sent. */
  canRemove(sequence: number): boolean;
};

/** Bytes of resources in one response while room is tight. */
export const tightResponseBytes = 64 * 1024;

/** What a request meant. `names` are those that were new in the response that it answers. */
export type Verdict =
  | { readonly kind: "none" | "stale" }
  | { readonly kind: "ack"; readonly nonce: string; readonly names: readonly string[] }
  | {
      readonly kind: "nack";
      readonly nonce: string;
      readonly names: readonly string[];
      readonly code: number;
      readonly message: string;
      /** The names are offered once more in parts, to find those that the client minds. */
      readonly isUndecided: boolean;
    };

/** The memory of one stream for one type: a state machine without I/O, of which delta and SotW are the two variants. */
export interface Subscription<Request> {
  readonly typeUrl: string;
  /** Takes in a request; whatever it asks for is given by the next call of `next`. */
  request(request: Request, view: TypeView): Verdict;
  /**
   * The next response to send, if there is one; it then counts as sent. While room is tight it is a small one, and what
   * cannot be sent in parts waits. Throws `TooFarBehindError`.
   */
  next(view: TypeView, gate: Gate, nextNonce: () => string, isTight?: boolean): Response | undefined;
  /**
   * Makes the next answer hold those of these names again that are subscribed and exist, changed or not; gives those that are not
   * subscribed.
   */
  resend(names: Iterable<string>, view: TypeView): string[];
  /** `next` stopped only because it had looked through enough: it is to be called again in another turn of the event loop. */
  readonly isUnfinished: boolean;
  readonly progress: Progress;
  /** The lowest sequence of the removals that wait for other types, or are still looked for; infinite when there are none. */
  earliestHeldRemoval(): number;
  /** Subscribed by name; the wildcard is not counted. */
  nameCount(): number;
  /** When `next` may have something to send by the passing of time alone, in milliseconds since the epoch. */
  wakeAt(): number | undefined;
}

/** How far the client is. */
export type Progress = {
  /** Everything up to here was sent, removals that wait excepted. */
  readonly sent: number;
  /** Everything up to here was sent and answered, by an ACK or a NACK. */
  readonly settled: number;
  /** Everything up to here is in use by the client. */
  readonly acknowledged: number;
  /** When pushes were acknowledged, of late: `before` is the sequence that was settled when the push was sent. */
  readonly recentAcks: readonly { readonly before: number; readonly at: number }[];
  /** Resources whose last content the client refused. */
  readonly parked: ReadonlyMap<string, Refusal>;
};

export type Refusal = {
  readonly message: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Everything up to here was acknowledged before the refused content was sent. */
  readonly before: number;
};

/** The stream lags so far that removals it has not seen are forgotten; it has to reconnect and say what it holds. */
export class TooFarBehindError extends Error {
  override readonly name = "TooFarBehindError";
  constructor(typeUrl: string) {
    super(`${typeUrl}: too far behind the current state; reconnect to be brought up to date`);
  }
}

/** The earliest of some times; undefined when there are none. */
export function earliestOf(...times: readonly (number | undefined)[]): number | undefined {
  const earliest = Math.min(...times.map((time) => time ?? Number.POSITIVE_INFINITY));
  return Number.isFinite(earliest) ? earliest : undefined;
}
