import { encodeResource, type ResourceInput, type StoredResource } from "./resource.ts";
import { createSlice, type Slice } from "./slice.ts";
import { createTypeState, type TypeState, type TypeView } from "./type-state.ts";

/** The whole state of a group: type URL -> resource name -> resource. A type that is absent has no resources. */
export type Snapshot = ReadonlyMap<string, ReadonlyMap<string, ResourceInput>>;

/** One step of an incremental commit; null removes the resource. */
export type ResourceChange = {
  readonly typeUrl: string;
  readonly name: string;
  /** The content, or what another group has. */
  readonly resource: ResourceInput | StoredResource | null;
};

export type CommitOptions = {
  /** An opaque, growing number that comes back as a node's acknowledged revision. */
  readonly revision?: number;
  /** Type URL -> version of the whole type, instead of a content hash; stays until a commit names another. */
  readonly typeVersions?: ReadonlyMap<string, string>;
};

/** What a commit did: `changed` resources were set or removed (0 when the content was already there). */
export type Commit = { readonly sequence: number; readonly changed: number };

/** What streams read of a group. */
export type GroupView = {
  readonly sequence: number;
  type(typeUrl: string): TypeView;
  /** The highest revision of which everything is contained in `sequence`; undefined when none is. */
  revisionAt(sequence: number): number | undefined;
};

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

/** Commits whose revision is remembered per group; an acknowledgement older than all of them reports no revision. */
const maxCommits = 10_000;

type CommitRecord = { readonly sequence: number; revision: number };

/** The steps to a new state; undefined changes nothing. */
type Steps = Iterable<ResourceChange | undefined>;

type Group = { sequence: number; types: Map<string, TypeState>; commits: CommitRecord[] };

/** Creates an empty store. Single-threaded: a commit is visible to every stream at once, or not at all. */
export function createSnapshotStore(options: SnapshotStoreOptions = {}): SnapshotStore {
  const { maxRemembered = 10_000, sliceMs = 10, maxAtOnce = 1000 } = options;
  const groups = new Map<string, Group>();
  const listeners = new Set<(group: string, isChanged: boolean) => void>();
  const staging = new Set<string>();

  const existing = (name: string): Group => {
    if (staging.has(name)) throw new Error(`group "${name}": a commit in slices is not finished; wait for it`);
    return groups.get(name) ?? { sequence: 0, types: new Map<string, TypeState>(), commits: [] };
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

/** From a group to a snapshot; what need not change is a step too, so that others may have their turn. */
function* difference(group: Group, snapshot: Snapshot): Steps {
  for (const [typeUrl, state] of group.types) {
    const wanted = snapshot.get(typeUrl);
    for (const name of [...state.resources.keys()]) {
      yield wanted?.has(name) ? undefined : { typeUrl, name, resource: null };
    }
  }
  for (const [typeUrl, resources] of snapshot) {
    for (const [name, resource] of resources) yield { typeUrl, name, resource };
  }
}

type ApplyOptions = CommitOptions & { readonly maxRemembered: number };

function applyChanges(group: Group, changes: Steps, options: ApplyOptions): Commit {
  const sequence = group.sequence + 1;
  for (const state of group.types.values()) state.forgetOldRemovals(options.maxRemembered);
  let changed = 0;
  for (const change of changes) {
    if (change && applyChange(group.types, change, sequence)) changed++;
  }
  return finish(group, changed, options);
}

/** The changes with what they hold encoded. */
async function encodeInSlices<Change extends ResourceChange>(
  changes: Iterable<Change | undefined>,
  slice: Slice,
): Promise<Change[]> {
  const encoded: Change[] = [];
  for (const change of changes) {
    if (change) {
      const { typeUrl, name, resource } = change;
      encoded.push(resource ? { ...change, resource: encodeResource(typeUrl, name, resource) } : change);
    }
    if (slice.isOver()) await slice.next();
  }
  return encoded;
}

/** Makes the changes in copies of the types that they concern, which take the place of those at the end. */
async function applyInSlices(
  group: Group,
  changes: readonly ResourceChange[],
  options: ApplyOptions,
  slice: Slice,
): Promise<Commit> {
  const sequence = group.sequence + 1;
  const types = new Map(group.types);
  for (const typeUrl of new Set(changes.map((change) => change.typeUrl))) {
    const copy = await types.get(typeUrl)?.copy(slice);
    if (copy) types.set(typeUrl, copy);
  }
  for (const state of types.values()) state.forgetOldRemovals(options.maxRemembered);
  let changed = 0;
  for (const change of changes) {
    if (applyChange(types, change, sequence)) changed++;
    if (slice.isOver()) await slice.next();
  }
  group.types = types;
  return finish(group, changed, options);
}

function finish(group: Group, changed: number, { typeVersions = new Map(), revision }: CommitOptions): Commit {
  for (const [typeUrl, version] of typeVersions) stateOf(group.types, typeUrl).setVersion(version);
  if (changed > 0 || typeVersions.size > 0 || group.sequence === 0) group.sequence++;
  if (revision !== undefined) recordRevision(group, revision);
  return { sequence: group.sequence, changed };
}

function applyChange(types: Map<string, TypeState>, change: ResourceChange, sequence: number): boolean {
  const { typeUrl, name, resource } = change;
  const existing = types.get(typeUrl)?.resources.get(name);
  if (!resource) {
    if (!existing) return false;
    stateOf(types, typeUrl).remove(name, sequence);
    return true;
  }
  const stored = encodeResource(typeUrl, name, resource);
  if (existing && (existing === stored || existing.version === stored.version)) return false;
  stateOf(types, typeUrl).set(stored, sequence);
  return true;
}

function stateOf(types: Map<string, TypeState>, typeUrl: string): TypeState {
  let state = types.get(typeUrl);
  if (!state) {
    state = createTypeState();
    types.set(typeUrl, state);
  }
  return state;
}

function recordRevision(group: Group, revision: number): void {
  const last = group.commits.at(-1);
  if (last?.sequence === group.sequence) last.revision = Math.max(last.revision, revision);
  else group.commits.push({ sequence: group.sequence, revision });
  if (group.commits.length > 2 * maxCommits) group.commits = group.commits.slice(-maxCommits);
}

const emptyType = createTypeState();

function viewOf(group: Group): GroupView {
  return {
    sequence: group.sequence,
    type: (typeUrl) => (group.types.get(typeUrl) ?? emptyType).view(group.sequence),
    revisionAt: (sequence) => group.commits.findLast((commit) => commit.sequence <= sequence)?.revision,
  };
}
