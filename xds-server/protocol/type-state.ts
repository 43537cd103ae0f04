import { type Change, createJournal } from "./journal.ts";
import type { Digest, StoredResource } from "./resource.ts";

/** What a subscription sees of one type in one group. */
export type TypeView = {
  /** The sequence of the group's latest commit. */
  readonly sequence: number;
  /** Stands for the content of the whole type: the version of state-of-the-world responses. */
  readonly version: string;
  /** True when `version` was given by the store's owner, and is not a hash of the content. */
  readonly isVersionGiven: boolean;
  /** True when a resource has, or had, a time to live. */
  readonly hasLifetimes: boolean;
  get(name: string): StoredResource | undefined;
  /** Everything; the same array until something changes. */
  all(): readonly StoredResource[];
  readonly count: number;
  /** Bytes of all in delta responses. */
  readonly bytes: number;
  /** The last content of a removed resource, as long as it is remembered. */
  lastKnown(name: string): StoredResource | undefined;
  /** The sequence at which `name` last changed; 0 when it never did or is forgotten. */
  changedAt(name: string): number;
  /** The latest change of each name after `cursor` and up to `limit`, oldest first. */
  changes(cursor: number, limit: number): Iterable<Change>;
  /** Removals before this sequence may be forgotten: a cursor below it may have missed some. */
  readonly horizon: number;
};

/** The resources of one type in one group, with their history. */
export type TypeState = {
  readonly resources: ReadonlyMap<string, StoredResource>;
  set(resource: StoredResource, sequence: number): void;
  remove(name: string, sequence: number): void;
  /** Replaces the content hash as the type's version; undefined goes back to the hash. */
  setVersion(version: string | undefined): void;
  /** Drops the oldest removals beyond `maxRemoved`, so that a stream that lags for ever holds no memory. */
  forgetOldRemovals(maxRemoved: number): void;
  view(sequence: number): TypeView;
};

export function createTypeState(): TypeState {
  const resources = new Map<string, StoredResource>();
  const removed = new Map<string, StoredResource>();
  const journal = createJournal();
  const sum = createDigestSum();
  let explicitVersion: string | undefined;
  let horizon = 0;
  let hasLifetimes = false;
  let bytes = 0;
  let all: readonly StoredResource[] | undefined;
  /** What all changes have in common. */
  const replace = (previous: StoredResource | undefined, next: StoredResource | undefined) => {
    if (previous) sum.subtract(previous.digest);
    if (next) sum.add(next.digest);
    bytes += (next?.delta.length ?? 0) - (previous?.delta.length ?? 0);
    all = undefined;
  };

  return {
    resources,
    set: (resource, sequence) => {
      const previous = resources.get(resource.name);
      replace(previous, resource);
      resources.set(resource.name, resource);
      hasLifetimes ||= resource.lifetime !== undefined;
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
      explicitVersion = version;
    },
    forgetOldRemovals: (maxRemoved) => {
      for (const name of removed.keys()) {
        if (removed.size <= maxRemoved) return;
        horizon = Math.max(horizon, journal.latest(name));
        removed.delete(name);
        journal.forget(name);
      }
    },
    view: (sequence) => ({
      sequence,
      get version() {
        return explicitVersion ?? sum.text();
      },
      isVersionGiven: explicitVersion !== undefined,
      hasLifetimes,
      get: (name) => resources.get(name),
      all: () => (all ??= [...resources.values()]),
      count: resources.size,
      bytes,
      lastKnown: (name) => removed.get(name),
      changedAt: (name) => journal.latest(name),
      changes: (cursor, limit) => journal.between(cursor, limit),
      horizon,
    }),
  };
}

/**
 * The type's version is the sum modulo 2^64 of one digest per resource: it does not depend on order, so it is equal on every
 * replica, and a change costs one addition and not the whole table.
 */
function createDigestSum() {
  let high = 0;
  let low = 0;
  return {
    add: (digest: Digest) => {
      const sum = low + digest.low;
      low = sum >>> 0;
      high = (high + digest.high + (sum > 0xffff_ffff ? 1 : 0)) >>> 0;
    },
    subtract: (digest: Digest) => {
      const difference = low - digest.low;
      low = difference >>> 0;
      high = (high - digest.high - (difference < 0 ? 1 : 0)) >>> 0;
    },
    text: () => {
      const bytes = Buffer.alloc(8);
      bytes.writeUInt32BE(high, 0);
      bytes.writeUInt32BE(low, 4);
      return bytes.toString("base64url");
    },
  };
}
