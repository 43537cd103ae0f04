/** One change of a resource: at `sequence` the resource `name` was set or removed. */
export type Change = { readonly sequence: number; readonly name: string };

/** What happened to the resources of one type, in order; of several changes of one name only the last one counts. */
export type Journal = {
  /** Records that `name` changed at `sequence`, which never goes down. */
  record(sequence: number, name: string): void;
  /** The latest change of each name after `cursor` and up to `limit`, oldest first. */
  between(cursor: number, limit: number): Iterable<Change>;
  /** The sequence of the latest change of `name`, 0 when it never changed. */
  latest(name: string): number;
  /** Forgets a name: a reader that has not seen its last change will not hear of it. */
  forget(name: string): void;
  /** Entries held, the superseded ones included. */
  size(): number;
};

/** Below this many entries a journal is not worth compacting. */
const compactFrom = 64;

/**
 * A change journal: an array ordered by sequence, in which a reader finds its place by bisection. Superseded entries are
 * dropped when they outnumber the current ones, so its size follows the number of names and not the number of changes.
 */
export function createJournal(): Journal {
  let entries: Change[] = [];
  const latest = new Map<string, number>();
  const isCurrent = (entry: Change) => latest.get(entry.name) === entry.sequence;

  return {
    record: (sequence, name) => {
      if (latest.get(name) === sequence) return;
      latest.set(name, sequence);
      entries.push({ sequence, name });
      if (entries.length > compactFrom && entries.length > 2 * latest.size) entries = entries.filter(isCurrent);
    },
    *between(cursor, limit) {
      const snapshot = entries;
      for (let index = firstAfter(snapshot, cursor); index < snapshot.length; index++) {
        const entry = snapshot[index] as Change;
        if (entry.sequence > limit) return;
        if (isCurrent(entry)) yield entry;
      }
    },
    latest: (name) => latest.get(name) ?? 0,
    forget: (name) => {
      latest.delete(name);
    },
    size: () => entries.length,
  };
}

function firstAfter(entries: readonly Change[], cursor: number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle] as Change).sequence <= cursor) low = middle + 1;
    else high = middle;
  }
  return low;
}
