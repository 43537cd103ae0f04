import { createResourceEncoder, type ResourceEncoder, type ResourceInput, type StoredResource } from "./resource.ts";
import { createTypeState, type TypeState, type TypeView } from "./type-state.ts";

/** The whole state of a group: type URL -> resource name -> resource. A type that is absent has no resources. */
export type Snapshot = ReadonlyMap<string, ReadonlyMap<string, ResourceInput>>;

/** One step of an incremental commit; null removes the resource. */
export type ResourceChange = {
  readonly typeUrl: string;
  readonly name: string;
  /** The content, or what another group of the same store has. */
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
  /** Forgets a group: its streams end with UNAVAILABLE and new ones are refused. */
  remove(group: string): void;
  /** Undefined until the group's first commit. */
  view(group: string): GroupView | undefined;
  groups(): readonly string[];
  /** Calls `listener` after every commit and removal, synchronously; returns the way to stop it. */
  subscribe(listener: (group: string) => void): () => void;
};

export type SnapshotStoreOptions = {
  /**
   * Removed resources remembered per type for streams that lag behind, 10,000 by default. The removals of the latest
   * commit are remembered whatever their number.
   */
  readonly maxRemembered?: number;
};

/** Commits whose revision is remembered per group; an acknowledgement older than all of them reports no revision. */
const maxCommits = 10_000;

type CommitRecord = { readonly sequence: number; revision: number };

type Group = { sequence: number; readonly types: Map<string, TypeState>; commits: CommitRecord[] };

/** Creates an empty store. Single-threaded: a commit is visible to every stream at once, or not at all. */
export function createSnapshotStore(options: SnapshotStoreOptions = {}): SnapshotStore {
  const maxRemembered = options.maxRemembered ?? 10_000;
  const groups = new Map<string, Group>();
  const listeners = new Set<(group: string) => void>();
  const encoder = createResourceEncoder();

  const commit = (name: string, changesOf: (group: Group) => Iterable<ResourceChange>, options: CommitOptions) => {
    const group = groups.get(name) ?? { sequence: 0, types: new Map<string, TypeState>(), commits: [] };
    const result = applyChanges(group, changesOf(group), { ...options, maxRemembered, encoder });
    groups.set(name, group);
    for (const listener of listeners) listener(name);
    return result;
  };

  return {
    set: (name, snapshot, options = {}) => commit(name, (group) => difference(group, snapshot), options),
    apply: (name, changes, options = {}) => commit(name, () => changes, options),
    remove: (name) => {
      if (!groups.delete(name)) return;
      for (const listener of listeners) listener(name);
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

function* difference(group: Group, snapshot: Snapshot): Iterable<ResourceChange> {
  for (const [typeUrl, state] of group.types) {
    const wanted = snapshot.get(typeUrl);
    for (const name of [...state.resources.keys()]) {
      if (!wanted?.has(name)) yield { typeUrl, name, resource: null };
    }
  }
  for (const [typeUrl, resources] of snapshot) {
    for (const [name, resource] of resources) yield { typeUrl, name, resource };
  }
}

type ApplyOptions = CommitOptions & { readonly maxRemembered: number; readonly encoder: ResourceEncoder };

function applyChanges(group: Group, changes: Iterable<ResourceChange>, options: ApplyOptions): Commit {
  const sequence = group.sequence + 1;
  for (const state of group.types.values()) state.forgetOldRemovals(options.maxRemembered);
  let changed = 0;
  for (const change of changes) {
    if (applyChange(group, change, sequence, options.encoder)) changed++;
  }
  let versionChanged = false;
  for (const [typeUrl, version] of options.typeVersions ?? []) {
    stateOf(group, typeUrl).setVersion(version);
    versionChanged = true;
  }
  if (changed > 0 || versionChanged || group.sequence === 0) group.sequence = sequence;
  if (options.revision !== undefined) recordRevision(group, options.revision);
  return { sequence: group.sequence, changed };
}

function applyChange(group: Group, change: ResourceChange, sequence: number, encoder: ResourceEncoder): boolean {
  const { typeUrl, name, resource } = change;
  const existing = group.types.get(typeUrl)?.resources.get(name);
  if (!resource) {
    if (!existing) return false;
    stateOf(group, typeUrl).remove(name, sequence);
    return true;
  }
  const stored = encoder(typeUrl, name, resource);
  if (existing && (existing === stored || existing.version === stored.version)) return false;
  stateOf(group, typeUrl).set(stored, sequence);
  return true;
}

function stateOf(group: Group, typeUrl: string): TypeState {
  let state = group.types.get(typeUrl);
  if (!state) {
    state = createTypeState();
    group.types.set(typeUrl, state);
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
