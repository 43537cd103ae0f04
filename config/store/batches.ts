import type { StoredEntry } from "../live-documents.ts";

/** The atomic batch that an entry was published in. */
export type BatchMembership = { readonly id: string; readonly isLast: boolean };

/** Gathers entries, which come in store order, into the batches that they were published in. */
export type BatchGrouper = {
  /** The batches that are complete now, oldest first: none while a batch is under way. */
  add(entry: StoredEntry, membership: BatchMembership | null): readonly (readonly StoredEntry[])[];
  /** A batch is under way. */
  isOpen(): boolean;
  /** Gives up waiting for the rest of the batch under way, and hands out what there is of it. */
  flush(): readonly (readonly StoredEntry[])[];
};

/**
 * The server stores a batch in one piece, its last message marked. So a batch ends at that mark, or where an entry of
 * another batch (or of none) follows: the marked message itself may have gone with old history.
 */
export function createBatchGrouper(): BatchGrouper {
  let openId: string | null = null;
  let open: StoredEntry[] = [];
  const flush = () => {
    const complete = open.length > 0 ? [open] : [];
    open = [];
    openId = null;
    return complete;
  };
  return {
    add(entry, membership) {
      const ended = membership?.id === openId ? [] : flush();
      open.push(entry);
      if (membership === null || membership.isLast) return [...ended, ...flush()];
      openId = membership.id;
      return ended;
    },
    isOpen: () => open.length > 0,
    flush,
  };
}
