import type { SignalboxDocument } from "../documents/document.ts";
import {
  type Live,
  type LiveDocuments,
  liveMapsOf,
  makeLiveMaps,
  type Rejection,
  type StoredEntry,
} from "../live-documents.ts";
import { settling } from "../settle.ts";
import { sharedMap } from "../shared-map.ts";
import type { Work } from "../work.ts";
import { messageOf } from "./store-error.ts";

type Batches = readonly (readonly StoredEntry[])[];

/**
 * {@link settling} that no batch can bring down: one that makes it throw is rejected by itself, `onFailure` hears of
 * it, and the others are settled.
 */
export function* settleSafely(
  live: LiveDocuments,
  batches: Batches,
  now: Date,
  onFailure: (revision: number, error: unknown) => void,
  settleBatches: typeof settling = settling,
): Work<LiveDocuments> {
  try {
    return yield* settleBatches(live, batches, now);
  } catch (error) {
    const [first] = batches;
    if (first === undefined) return live;
    if (batches.length === 1) {
      onFailure(lastRevision(first), error);
      return rejectAll(live, first, now, error);
    }
    let state = live;
    for (const batch of batches) state = yield* settleSafely(state, [batch], now, onFailure, settleBatches);
    return state;
  }
}

function rejectAll(live: LiveDocuments, batch: readonly StoredEntry[], now: Date, error: unknown): LiveDocuments {
  const rejections = new Map<string, Rejection>(live.rejections);
  for (const { key, revision } of batch) {
    const problem = { document: key, path: "", message: `could not be taken in: ${messageOf(error)}` };
    rejections.set(key, { key, revision, problems: [problem], at: now.toISOString() });
  }
  return { ...live, revision: Math.max(live.revision, lastRevision(batch)), rejections };
}

function lastRevision(batch: readonly StoredEntry[]): number {
  return Math.max(0, ...batch.map(({ revision }) => revision));
}

/**
 * What is live when the stream behind the revisions is gone: the same documents, all at revision 0, so that whatever
 * the new stream says of one is newer. Rejections and pending batches went with the old stream.
 */
export function carryOver(live: LiveDocuments): LiveDocuments {
  return {
    revision: 0,
    ...makeLiveMaps((field) => atRevisionZero(live[field] as ReadonlyMap<string, Live<SignalboxDocument>>)),
    rejections: new Map(),
    pending: [],
  };
}

function atRevisionZero<D>(map: ReadonlyMap<string, Live<D>>): ReadonlyMap<string, Live<D>> {
  return sharedMap(new Map([...map].map(([name, { document }]) => [name, { document, revision: 0 }])));
}

/** Documents that only a former stream held. */
export function countCarriedOver(live: LiveDocuments): number {
  let count = 0;
  for (const map of liveMapsOf(live)) {
    for (const { revision } of map.values()) if (revision === 0) count += 1;
  }
  return count;
}

export function countDocuments(live: LiveDocuments): number {
  return liveMapsOf(live).reduce((sum, map) => sum + map.size, 0);
}

/** The rejections that `after` has and `before` had not. */
export function newRejections(before: LiveDocuments, after: LiveDocuments): readonly Rejection[] {
  if (before.rejections === after.rejections) return [];
  return [...after.rejections.values()].filter(
    ({ key, revision }) => before.rejections.get(key)?.revision !== revision,
  );
}
