import type { DocumentId } from "../config/documents/document.ts";
import type { LiveDocuments } from "../config/live-documents.ts";

/** How much of a namespace's objectives or shards a change deletes. */
export type DeletionShare = {
  readonly kind: "Objective" | "Shard";
  readonly namespace: string;
  readonly deleted: number;
  /** How many there are before the change. */
  readonly of: number;
  /** 0 to 100. */
  readonly percent: number;
};

/** What a change deletes, and the part of it that is too much to be taken for granted. */
export type Deletions = {
  /** Documents of all kinds. */
  readonly documents: number;
  readonly shares: readonly DeletionShare[];
  /** The shares above the limit: the change needs a confirmation that names `documents`. */
  readonly excessive: readonly DeletionShare[];
};

/** Of a namespace's objectives, and of its shards, a change deletes no more than this without a confirmation. */
export const defaultMaxDeletePercent = 25;

/**
 * Measures what a change deletes, by namespace, because that is where a tenant's world ends: a quarter of a large store
 * may be all of one tenant. Documents that are not live count for nothing.
 */
export function measureDeletions(
  live: LiveDocuments,
  deleted: readonly DocumentId[],
  maxPercent = defaultMaxDeletePercent,
): Deletions {
  const shares = (["Objective", "Shard"] as const).flatMap((kind) => {
    const names = [...(kind === "Objective" ? live.objectives : live.shards).keys()];
    const gone = deleted.filter((id) => id.kind === kind && names.includes(`${id.namespace}/${id.name}`));
    return [...Map.groupBy(gone, ({ namespace }) => namespace)].map(([namespace, ids]): DeletionShare => {
      const of = names.filter((name) => name.startsWith(`${namespace}/`)).length;
      return { kind, namespace, deleted: ids.length, of, percent: (100 * ids.length) / of };
    });
  });
  return { documents: deleted.length, shares, excessive: shares.filter(({ percent }) => percent > maxPercent) };
}
