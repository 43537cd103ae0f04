import type { Slice } from "./slice.ts";

/** One change of a resource: at `sequence` the resource `name` was set or removed. */
export type Change = {
  readonly sequence: number;
  /** Grows with each change: a reader that stops in the middle of a commit goes on after it. */
  readonly position: number;
  readonly name: string;
};

/** What happened to the resources of one type, in order; of several changes of one name only the last one counts. */
export type Journal = {
  /** Records that `name` changed at `sequence`, which never goes down. */
  record(sequence: number, name: string): void;
  /** The latest change of each name after `cursor`, up to `limit` and after a position, oldest first. */
  between(cursor: number, limit: number, afterPosition?: number): Iterable<Change>;
  /** The latest change of `name`; undefined when it never changed. */
  latest(name: string): Change | undefined;
  /** Forgets a name: a reader that has not seen its last change will not hear of it. */
  forget(name: string): void;
  /** Entries held, the superseded ones included. */
  size(): number;
  /** The same once more, made in slices; not to be changed meanwhile. */
  copy(slice: Slice): Promise<Journal>;
};

/** `isCurrent` is for readers of many entries: to look each of them up by its name takes ten times as long. */
type Entry = Change & { isCurrent: boolean };

/** Below this many entries a journal is not worth compacting. */
const compactFrom = 64;

/**
 * A change journal: an array ordered by sequence, in which a reader finds its place by bisection. Superseded entries are
 * dropped when they outnumber the current ones, so its size follows the number of names and not the number of changes.
 */
export function createJournal(): Journal {
  return journalOf([], new Map(), 0);
}

function journalOf(initial: Entry[], latest: Map<string, Entry>, lastPosition: number): Journal {
  let entries = initial;
  let position = lastPosition;

  return {
    record: (sequence, name) => {
      const before = latest.get(name);
      if (before?.sequence === sequence) return;
      if (before) before.isCurrent = false;
      const entry = { sequence, position: ++position, name, isCurrent: true };
      latest.set(name, entry);
      entries.push(entry);
      if (entries.length > compactFrom && entries.length > 2 * latest.size)
        entries = entries.filter(({ isCurrent }) => isCurrent);
    },
    *between(cursor, limit, afterPosition = 0) {
      const snapshot = entries;
      const isSeen = (entry: Change) => entry.sequence <= cursor || entry.position <= afterPosition;
      for (let index = firstUnseen(snapshot, isSeen); index < snapshot.length; index++) {
        const entry = snapshot[index] as Entry;
        if (entry.sequence > limit) return;
        if (entry.isCurrent) yield entry;
      }
    },
    latest: (name) => latest.get(name),
    forget: (name) => {
      const entry = latest.get(name);
      if (entry) entry.isCurrent = false;
      latest.delete(name);
    },
    size: () => entries.length,
    copy: async (slice) => {
      const copied: Entry[] = [];
      const copiedLatest = new Map<string, Entry>();
      for (const entry of entries) {
        if (entry.isCurrent) {
          const copy = { ...entry };
          copied.push(copy);
          copiedLatest.set(copy.name, copy);
        }
        if (slice.isOver()) await slice.next();
      }
      return journalOf(copied, copiedLatest, position);
    },
  };
}

/** The seen ones are the first of the array. */
function firstUnseen(entries: readonly Change[], isSeen: (entry: Change) => boolean): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isSeen(entries[middle] as Change)) low = middle + 1;
    else high = middle;
  }
  return low;
}
