import type { Audience } from "./documents/audience.ts";
import type { Kind, SignalboxDocument } from "./documents/document.ts";
import type { Experiment } from "./documents/experiment.ts";
import type { Holdout } from "./documents/holdout.ts";
import type { Model } from "./documents/model.ts";
import type { Objective } from "./documents/objective.ts";
import type { Pin } from "./documents/pin.ts";
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
  /** The key of the pin that it waits for, when nothing else is in its way. */
  readonly heldBy?: string;
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

/** Live documents by kind; each map is keyed by `<namespace>/<name>`. */
export type LiveMaps = {
  readonly shards: ReadonlyMap<string, Live<Shard>>;
  readonly models: ReadonlyMap<string, Live<Model>>;
  readonly audiences: ReadonlyMap<string, Live<Audience>>;
  readonly objectives: ReadonlyMap<string, Live<Objective>>;
  readonly holdouts: ReadonlyMap<string, Live<Holdout>>;
  readonly experiments: ReadonlyMap<string, Live<Experiment>>;
  readonly pins: ReadonlyMap<string, Live<Pin>>;
};

/** Which of the maps holds a kind. */
export const liveMapNames = {
  Shard: "shards",
  Model: "models",
  Audience: "audiences",
  Objective: "objectives",
  Holdout: "holdouts",
  Experiment: "experiments",
  Pin: "pins",
} as const satisfies Record<Kind, keyof LiveMaps>;

/** All maps of live documents, in the order of the kinds. */
export function liveMapsOf(live: LiveMaps): readonly ReadonlyMap<string, Live<SignalboxDocument>>[] {
  return Object.values(liveMapNames).map((field) => live[field]);
}

/** Maps made one by one. `make` answers with a map of the kind that belongs in the field. */
export function makeLiveMaps(
  make: (field: keyof LiveMaps, kind: Kind) => ReadonlyMap<string, Live<SignalboxDocument>>,
): LiveMaps {
  const entries = Object.entries(liveMapNames).map(([kind, field]) => [field, make(field, kind as Kind)]);
  return Object.fromEntries(entries) as LiveMaps;
}

/** How many documents of each kind there are, such as `{ Shard: 2, Model: 1 }`; kinds without any are left out. */
export function countByKind(live: LiveMaps): Readonly<Partial<Record<Kind, number>>> {
  const counts = Object.entries(liveMapNames).map(([kind, field]) => [kind, live[field].size] as const);
  return Object.fromEntries(counts.filter(([kind, size]) => size > 0 || alwaysCounted.includes(kind)));
}

const alwaysCounted: readonly string[] = ["Shard", "Model", "Objective"] satisfies readonly Kind[];

/**
 * The documents in force on one consumer: always valid, each by itself and all together (no dangling names). Maps are
 * keyed by `<namespace>/<name>`. Immutable; a batch makes a new value.
 */
export type LiveDocuments = LiveMaps & {
  /** The highest store revision taken into account, refused ones included; 0 before the first. */
  readonly revision: number;
  /** By document key; an entry goes when a good revision of that document arrives. */
  readonly rejections: ReadonlyMap<string, Rejection>;
  /** Refused batches that may become good later, ascending by their first revision; at most one entry a document. */
  readonly pending: readonly PendingBatch[];
};
