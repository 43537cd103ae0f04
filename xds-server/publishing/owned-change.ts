import type { ResourceChange } from "../protocol/snapshot.ts";

/** The document that a resource comes from, as far as it decides which nodes get it. */
export type Owner = {
  readonly kind: "shard" | "objective";
  /** `<namespace>/<name>` */
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The shards (`<namespace>/<name>`) that an objective routes to; empty for a shard. */
  readonly uses: ReadonlySet<string>;
};

/**
 * A change of one resource and whose it is. All changes of one owner in one batch carry the same `owner`; a document that
 * goes is the removal of all its resources.
 */
export type OwnedChange = ResourceChange & { readonly owner: Owner };
