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
};
