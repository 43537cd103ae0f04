import { type Digest, DigestSum } from "./digest-sum.ts";
import { type Change, createJournal, type Journal } from "./journal.ts";
import type { StoredResource } from "./resource.ts";
import { ResourceLists } from "./resource-lists.ts";
import type { Slice } from "./slice.ts";
import type { TypeView } from "./type-view.ts";

/** The resources of one type in one group, with their history. */
export type TypeState = {
  readonly resources: ReadonlyMap<string, StoredResource>;
  set(resource: StoredResource, sequence: number): void;
  remove(name: string, sequence: number): void;
  /** Replaces the content hash as the type's version; undefined goes back to the hash. */
  setVersion(version: string | undefined): void;
  /**
   * Drops the oldest removals beyond `maxRemoved`, so that a stream that lags for ever holds no memory: of very many a quarter
   * at a time, lest it take long.
   */
  forgetOldRemovals(maxRemoved: number): void;
  view(sequence: number): TypeView;
  /** The same once more, made in slices; not to be changed meanwhile. */
  copy(slice: Slice): Promise<TypeState>;
};

/** Removals that are forgotten at once. */
const forgottenAtOnce = 10_000;

/** What a type holds, and what is kept up to date with it. */
type Content = {
  readonly resources: Map<string, StoredResource>;
  /** The last content of what was removed, the oldest removal first. */
  readonly removed: Map<string, StoredResource>;
  readonly journal: Journal;
  /**
   * The type's version is the sum modulo 2^64 of one digest per resource: it does not depend on order, so it is equal on every
   * replica, and a change costs one addition and not the whole table.
   */
  readonly sum: DigestSum;
  readonly nameSum: DigestSum;
  readonly heldSum: DigestSum;
  explicitVersion: string | undefined;
  horizon: number;
  forgottenPosition: number;
  hasLifetimes: boolean;
  bytes: number;
};

/** A type without resources. */
export function createTypeState(): TypeState {
  return typeStateOf({
    ...{ resources: new Map(), removed: new Map(), journal: createJournal() },
    ...{ sum: new DigestSum(), nameSum: new DigestSum(), heldSum: new DigestSum() },
    ...{ explicitVersion: undefined, horizon: 0, forgottenPosition: 0, hasLifetimes: false, bytes: 0 },
  });
}

function typeStateOf(content: Content): TypeState {
  const { resources, removed, journal, sum, nameSum, heldSum } = content;
  const lists = new ResourceLists(resources);
  /** Of the latest commit, until something changes: what streams look at most often is there already. */
  let view: TypeView | undefined;
  const viewAt = (sequence: number): TypeView => ({
    sequence,
    version: content.explicitVersion ?? sum.text(),
    isVersionGiven: content.explicitVersion !== undefined,
    hasLifetimes: content.hasLifetimes,
    get: (name) => resources.get(name),
    all: () => lists.all(),
    parts: (maxBytes) => lists.parts(maxBytes),
    names: () => lists.names(),
    claims: { names: { count: resources.size, sum: nameSum }, versions: { count: resources.size, sum: heldSum } },
    count: resources.size,
    bytes: content.bytes,
    lastKnown: (name) => removed.get(name),
    changedAt: (name) => journal.latest(name)?.sequence ?? 0,
    positionOf: (name) => journal.latest(name)?.position ?? 0,
    changes: journal.between,
    horizon: content.horizon,
    forgottenPosition: content.forgottenPosition,
  });
  /** What all changes have in common. */
  const replace = (previous: StoredResource | undefined, next: StoredResource | undefined) => {
    if (previous) {
      subtract(sum, previous.digest);
      subtract(nameSum, previous.nameHash);
      subtract(heldSum, previous.heldHash);
    }
    if (next) {
      add(sum, next.digest);
      add(nameSum, next.nameHash);
      add(heldSum, next.heldHash);
    }
    content.bytes += (next?.delta.length ?? 0) - (previous?.delta.length ?? 0);
    lists.changed(!previous || !next);
    view = undefined;
  };

  return {
    resources,
    set: (resource, sequence) => {
      const previous = resources.get(resource.name);
      replace(previous, resource);
      resources.set(resource.name, resource);
      content.hasLifetimes ||= resource.lifetime !== undefined;
      removed.delete(resource.name);
      journal.record(sequence, resource.name);
    },
    remove: (name, sequence) => {
      const previous = resources.get(name);
      if (!previous) return;
      replace(previous, undefined);
      resources.delete(name);
      removed.delete(name);
      removed.set(name, previous);
      journal.record(sequence, name);
    },
    setVersion: (version) => {
      content.explicitVersion = version;
      view = undefined;
    },
    forgetOldRemovals: (maxRemoved) => {
      const excess = removed.size - maxRemoved;
      let left = Math.min(excess, Math.max(forgottenAtOnce, excess / 4));
      if (left > 0) view = undefined;
      for (const name of removed.keys()) {
        if (left-- <= 0) return;
        const { sequence, position } = journal.latest(name) as Change;
        content.horizon = Math.max(content.horizon, sequence);
        content.forgottenPosition = Math.max(content.forgottenPosition, position);
        removed.delete(name);
        journal.forget(name);
      }
    },
    copy: async (slice) =>
      typeStateOf({
        ...content,
        resources: await copyOf(resources, slice),
        removed: await copyOf(removed, slice),
        journal: await journal.copy(slice),
        ...{ sum: sum.copy(), nameSum: nameSum.copy(), heldSum: heldSum.copy() },
      }),
    view: (sequence) => {
      if (view?.sequence !== sequence) view = viewAt(sequence);
      return view;
    },
  };
}

async function copyOf(
  resources: ReadonlyMap<string, StoredResource>,
  slice: Slice,
): Promise<Map<string, StoredResource>> {
  const copy = new Map<string, StoredResource>();
  for (const [name, resource] of resources) {
    copy.set(name, resource);
    if (slice.isOver()) await slice.next();
  }
  return copy;
}

function add(sum: DigestSum, { high, low }: Digest): void {
  sum.add(high, low);
}

function subtract(sum: DigestSum, { high, low }: Digest): void {
  sum.subtract(high, low);
}
