import { encodeResource, type ResourceInput, type StoredResource } from "./resource.ts";
import type { Slice } from "./slice.ts";
import { createTypeState, type TypeState } from "./type-state.ts";
import type { TypeView } from "./type-view.ts";

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

/** Commits whose revision is remembered per group; an acknowledgement older than all of them reports no revision. */
const maxCommits = 10_000;

type CommitRecord = { readonly sequence: number; revision: number };

/** The steps to a new state; undefined changes nothing. */
export type Steps = Iterable<ResourceChange | undefined>;

/** The content of one node group, and its commits. */
export type Group = { sequence: number; types: Map<string, TypeState>; commits: CommitRecord[] };

/** From a group to a snapshot; what need not change is a step too, so that others may have their turn. */
export function* difference(group: Group, snapshot: Snapshot): Steps {
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

export type ApplyOptions = CommitOptions & {
  /** Removed resources remembered per type. */
  readonly maxRemembered: number;
};

export function createGroup(): Group {
  return { sequence: 0, types: new Map(), commits: [] };
}

/** Makes the changes as one commit. */
export function applyChanges(group: Group, changes: Steps, options: ApplyOptions): Commit {
  const sequence = group.sequence + 1;
  for (const state of group.types.values()) state.forgetOldRemovals(options.maxRemembered);
  let changed = 0;
  for (const change of changes) {
    if (change && applyChange(group.types, change, sequence)) changed++;
  }
  return finish(group, changed, options);
}

/** The same in slices: in copies of the types that they concern, which take the place of those at the end. */
export async function applyInSlices(
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

/** The changes with what they hold encoded. */
export async function encodeInSlices<Change extends ResourceChange>(
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

export function viewOf(group: Group): GroupView {
  return {
    sequence: group.sequence,
    type: (typeUrl) => (group.types.get(typeUrl) ?? emptyType).view(group.sequence),
    revisionAt: (sequence) => group.commits.findLast((commit) => commit.sequence <= sequence)?.revision,
  };
}
