import type { Objective } from "../../config/documents/objective.ts";
import type { Shard } from "../../config/documents/shard.ts";
import type { ResourceChange } from "../protocol/group.ts";

/** The document that a resource comes from, as far as it decides which nodes get it. */
export type Owner = {
  readonly kind: "shard" | "objective";
  /** `<namespace>/<name>` */
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The shards (`<namespace>/<name>`) that an objective routes to; empty for a shard. */
  readonly uses: ReadonlySet<string>;
  /** For whom it is, when a pin gives some groups another form of the document; everybody when absent. */
  readonly scope?: Scope;
};

/** The groups (those that pins name; "" is none) that get one of several forms of a document. Every group gets one at most. */
export type Scope = {
  /** Unique among the forms of the document; "" is the newest. */
  readonly id: string;
  includes(group: string): boolean;
};

/**
 * A change of one resource and whose it is. All changes of one owner in one scope in one batch carry the same `owner`;
 * a document that goes is the removal of all its resources. When the scopes of a document change, so do all of its
 * resources.
 */
export type OwnedChange = ResourceChange & { readonly owner: Owner };

/** `scope`: undefined is everybody. */
export function ownerOf(
  kind: Owner["kind"],
  name: string,
  document: Shard | Objective,
  uses: ReadonlySet<string>,
  scope: Scope | undefined,
): Owner {
  const { namespace, labels = {} } = document.metadata;
  return withScope({ kind, name, namespace, labels, uses }, scope);
}

export function withScope(owner: Omit<Owner, "scope">, scope: Scope | undefined): Owner {
  return scope ? { ...owner, scope } : owner;
}
