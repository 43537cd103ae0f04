import type { SignalboxDocument } from "./documents/document.ts";
import type { Model } from "./documents/model.ts";
import type { Objective } from "./documents/objective.ts";
import type { Shard } from "./documents/shard.ts";
import type { Problem } from "./problem.ts";

/** A document in force, and the store revision that brought it. */
export type Live<D> = { readonly document: D; readonly revision: number };

/** A stored revision that this consumer refused; the last good one stays live. */
export type Rejection = {
  /** `<kind>.<namespace>.<name>` */
  readonly key: string;
  readonly revision: number;
  readonly problems: readonly Problem[];
  /** ISO 8601, when this consumer refused it. */
  readonly at: string;
};

/**
 * One stored revision of one document, as the store hands it out. `key` is `<kind>.<namespace>.<name>`; `value` is the
 * document as UTF-8 JSON, null when the revision deleted it; `at` is when it was stored (ISO 8601).
 */
export type StoredEntry = {
  readonly key: string;
  readonly revision: number;
  readonly value: Uint8Array | null;
  readonly at: string;
};

/** A refused revision that is kept, because a later batch may make it good. */
export type PendingEntry = {
  readonly key: string;
  readonly revision: number;
  /** Bytes as stored; 0 for a deletion. */
  readonly bytes: number;
  /** Null when the revision deletes the document, or can never become good by itself: then `problems` says why. */
  readonly document: SignalboxDocument | null;
  /** What is wrong with it by itself, whatever else is live; empty when only other documents stand in its way. */
  readonly problems: readonly Problem[];
};

/** Refused revisions that were published together; they go live together. */
export type PendingBatch = {
  /** Ascending by revision; never empty. */
  readonly entries: readonly PendingEntry[];
  /** The document keys whose change may make the batch good: only then is it tried again. */
  readonly waitsFor: readonly string[];
};

/**
 * The documents in force on one consumer: always valid, each by itself and all together (no dangling names). Maps are
 * keyed by `<namespace>/<name>`. Immutable; a batch makes a new value.
 */
export type LiveDocuments = {
  /** The highest store revision taken into account, refused ones included; 0 before the first. */
  readonly revision: number;
  readonly shards: ReadonlyMap<string, Live<Shard>>;
  readonly models: ReadonlyMap<string, Live<Model>>;
  readonly objectives: ReadonlyMap<string, Live<Objective>>;
  /** By document key; an entry goes when a good revision of that document arrives. */
  readonly rejections: ReadonlyMap<string, Rejection>;
  /** Refused batches that may become good later, ascending by their first revision; at most one entry a document. */
  readonly pending: readonly PendingBatch[];
};
