import {
  applyChanges,
  applyInSlices,
  type Commit,
  type CommitOptions,
  createGroup,
  difference,
  encodeInSlices,
  type Group,
  type GroupView,
  type ResourceChange,
  type Snapshot,
  type Steps,
  viewOf,
} from "./group.ts";
import { createSlice } from "./slice.ts";

/** The content to serve, per node group. Streams follow it; a group without a commit is not served at all. */
export type SnapshotStore = {
  /** Makes `snapshot` the whole state of the group; the difference to the state before becomes one commit. */
  set(group: string, snapshot: Snapshot, options?: CommitOptions): Commit;
  /** Changes some resources of a group as one commit, in time proportional to the changes. Creates the group if need be. */
  apply(group: string, changes: Iterable<ResourceChange>, options?: CommitOptions): Commit;
  /**
   * The same as `set` and `apply` for large content, in slices of some milliseconds, between which the event loop turns. Streams
   * see nothing of the commit before it is whole, and then all of it. No other commit of the group may begin meanwhile:
   * it throws.
   */
  setInSlices(group: string, snapshot: Snapshot, options?: CommitOptions): Promise<Commit>;
  applyInSlices(group: string, changes: Iterable<ResourceChange>, options?: CommitOptions): Promise<Commit>;
  /**
   * Encodes in slices what the changes hold: a commit of the changes that it gives costs a tenth, and groups that are given the
   * same ones share their bytes.
   */
  prepare<Change extends ResourceChange>(changes: Iterable<Change>): Promise<Change[]>;
  /** Forgets a group: its streams end with UNAVAILABLE and new ones are refused. */
  remove(group: string): void;
  /** Undefined until the group's first commit. */
  view(group: string): GroupView | undefined;
  groups(): readonly string[];
  /**
   * Calls `listener` after every commit and removal, synchronously, with whether the content is another; returns the way to
   * stop it.
   */
  subscribe(listener: (group: string, isChanged: boolean) => void): () => void;
};

export type SnapshotStoreOptions = {
  /**
   * Removed resources remembered per type for streams that lag behind, 10,000 by default. The removals of the latest
   * commit are remembered whatever their number.
   */
  readonly maxRemembered?: number;
  /** Milliseconds of work after which others get a turn of the event loop, 10 by default. */
  readonly sliceMs?: number;
  /** Changes that are made at once even when asked for in slices, 1,000 by default: a few milliseconds, and no copy. */
  readonly maxAtOnce?: number;
};

/** Creates an empty store. Single-threaded: a commit is visible to every stream at once, or not at all. */
export function createSnapshotStore(options: SnapshotStoreOptions = {}): SnapshotStore {
  const { maxRemembered = 10_000, sliceMs = 10, maxAtOnce = 1000 } = options;
  const groups = new Map<string, Group>();
  const listeners = new Set<(group: string, isChanged: boolean) => void>();
  const staging = new Set<string>();

  const existing = (name: string): Group => {
    if (staging.has(name)) throw new Error(`group "${name}": a commit in slices is not finished; wait for it`);
    return groups.get(name) ?? createGroup();
  };
  const notify = (name: string, group: Group, sequenceBefore: number) => {
    groups.set(name, group);
    for (const listener of listeners) listener(name, group.sequence !== sequenceBefore);
  };
  const commit = (name: string, changesOf: (group: Group) => Steps, options: CommitOptions) => {
    const group = existing(name);
    const { sequence } = group;
    const result = applyChanges(group, changesOf(group), { ...options, maxRemembered });
    notify(name, group, sequence);
    return result;
  };
  const commitInSlices = async (
    name: string,
    changesOf: (group: Group) => Steps,
    options: CommitOptions,
  ): Promise<Commit> => {
    const group = existing(name);
    const { sequence } = group;
    staging.add(name);
    try {
      const slice = createSlice(sliceMs);
      const all = { ...options, maxRemembered };
      const changes = await encodeInSlices(changesOf(group), slice);
      const result =
        changes.length <= maxAtOnce
          ? applyChanges(group, changes, all)
          : await applyInSlices(group, changes, all, slice);
      notify(name, group, sequence);
      return result;
    } finally {
      staging.delete(name);
    }
  };

  return {
    set: (name, snapshot, options = {}) => commit(name, (group) => difference(group, snapshot), options),
    apply: (name, changes, options = {}) => commit(name, () => changes, options),
    setInSlices: (name, snapshot, options = {}) =>
      commitInSlices(name, (group) => difference(group, snapshot), options),
    applyInSlices: (name, changes, options = {}) => commitInSlices(name, () => changes, options),
    prepare: (changes) => encodeInSlices(changes, createSlice(sliceMs)),
    remove: (name) => {
      if (!groups.delete(name)) return;
      for (const listener of listeners) listener(name, true);
    },
    view: (name) => {
      const group = groups.get(name);
      return group && viewOf(group);
    },
    groups: () => [...groups.keys()],
    subscribe: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
