import { createAttached } from "./attached.ts";
import { keyTitle } from "./check.ts";
import { kinds, parseDocumentKey } from "./documents/document.ts";
import { createDraft, type Draft } from "./draft.ts";
import { limits } from "./limits.ts";
import {
  type LiveDocuments,
  makeLiveMaps,
  type PendingEntry,
  type Rejection,
  type StoredEntry,
} from "./live-documents.ts";
import { listed } from "./nearest.ts";
import { type Obstacle, obstacles } from "./obstacles.ts";
import { byFirstRevision, createPendingDraft, type PendingDraft, type Unit } from "./pending.ts";
import type { Problem } from "./problem.ts";
import { sharedMap } from "./shared-map.ts";
import { readBytes } from "./validate.ts";
import { doAtOnce, type Work } from "./work.ts";

/** What is in force before the first revision: nothing. */
export const emptyLiveDocuments: LiveDocuments = {
  revision: 0,
  ...makeLiveMaps(() => sharedMap()),
  rejections: new Map(),
  pending: [],
};

/**
 * Takes one published batch into the live documents. The batch is one atomic change: when any document of it is bad,
 * by itself or together with what is live (which includes taking away what a live document needs), all of it is
 * refused, the last good documents stay, and each of its documents gets a {@link Rejection}. A refused batch stays
 * pending: it goes live as soon as later batches have mended what stood in its way, alone or together with them; a
 * document of it that is published again leaves it. Entries at or below `live.revision` are known already and skipped.
 *
 * Pure and deterministic: the same batches in the same order give the same value, whether settled one by one or with
 * {@link settleAll}. Never throws. A batch costs what it changes.
 *
 * @param now becomes the time of the rejections
 */
export function settle(live: LiveDocuments, batch: readonly StoredEntry[], now: Date): LiveDocuments {
  return settleAll(live, [batch], now);
}

/** {@link settle} for many batches, in order, with one change of the maps at the end: for catching up. */
export function settleAll(live: LiveDocuments, batches: Batches, now: Date): LiveDocuments {
  return doAtOnce(settling(live, batches, now));
}

type Batches = readonly (readonly StoredEntry[])[];

/** {@link settleAll}, which yields after each document, and while it puts them in the maps. */
export function* settling(live: LiveDocuments, batches: Batches, now: Date): Work<LiveDocuments> {
  const state: Settling = {
    draft: createDraft(live),
    pending: createPendingDraft(live.pending),
    rejections: new Map(live.rejections),
    at: now.toISOString(),
  };
  let { revision } = live;
  for (const batch of batches) {
    const fresh = batch.filter((entry) => entry.revision > revision);
    if (fresh.length === 0) continue;
    revision = fresh.reduce((highest, entry) => Math.max(highest, entry.revision), revision);
    yield* takeBatch(state, fresh);
  }
  if (revision === live.revision) return live;
  return yield* state.draft.finishing({
    revision,
    rejections: state.rejections,
    pending: state.pending.finish(),
  });
}

type Settling = {
  readonly draft: Draft;
  readonly pending: PendingDraft;
  readonly rejections: Map<string, Rejection>;
  readonly at: string;
};

function* takeBatch(settling: Settling, batch: readonly StoredEntry[]): Work<void> {
  const latest = new Map(batch.map((entry) => [entry.key, entry]));
  const entries = [...latest.values()].sort((a, b) => a.revision - b.revision).map(readEntry);
  const again = new Set(settling.pending.supersede(latest.keys()));
  yield* tryUnit(settling, { entries, waitsFor: [] }, again);
  while (again.size > 0) {
    const round = [...again].sort(byFirstRevision);
    again.clear();
    for (const unit of round) if (settling.pending.has(unit)) yield* tryUnit(settling, unit, again);
  }
}

// What was read ahead of a stored revision lives as long as that.
const ahead = createAttached<StoredEntry, PendingEntry>();

/** Reads and checks a stored revision by itself, so that settling it costs next to nothing of that. Never throws. */
export function readAhead(entry: StoredEntry): void {
  ahead.set(entry, readEntry(entry));
}

/** Parses one stored revision; a bad one is kept as its problems only. */
function readEntry(entry: StoredEntry): PendingEntry {
  const known = ahead.get(entry);
  if (known) return known;
  const { key, revision, value } = entry;
  const id = parseDocumentKey(key);
  if (value === null) return { key, revision, bytes: 0, document: null, problems: [] };
  const bytes = value.byteLength;
  if (!id) return { key, revision, bytes, document: null, problems: [badKey(key)] };
  const validation = readBytes(value, id);
  return validation.ok
    ? { key, revision, bytes, document: validation.document, problems: [] }
    : { key, revision, bytes, document: null, problems: validation.problems };
}

function badKey(key: string): Problem {
  const form = `<kind>.<namespace>.<name> with the kind ${kinds.map((kind) => kind.toLowerCase()).join(", ")}`;
  return { document: keyTitle(key), path: "", message: `is no document key; a document is stored under ${form}` };
}

/** Makes a batch live, with the pending ones that it takes, or refuses it; `again` gets what is worth a new try. */
function* tryUnit(settling: Settling, unit: Unit, again: Set<Unit>): Work<void> {
  const outcome = yield* gather(settling, unit);
  if (outcome.ok) {
    for (const each of outcome.units) yield* goLive(settling, each, again);
    return;
  }
  const waitsFor = new Set(outcome.obstacles.flatMap(({ wants }) => wants));
  settling.pending.keep(unit, [...waitsFor]);
  refuse(settling, unit, outcome.obstacles);
}

type Outcome =
  | { readonly ok: true; readonly units: ReadonlySet<Unit> }
  | { readonly ok: false; readonly obstacles: readonly Obstacle[] };

/**
 * The batches that can go live together with this one: itself, and as long as something stands in the way, the pending
 * ones that hold a newer revision of just that. When that leads nowhere, what stands in the way of this one alone.
 */
function* gather({ draft, pending }: Settling, goal: Unit): Work<Outcome> {
  const units = new Set([goal]);
  let own: readonly Obstacle[] | undefined;
  for (;;) {
    const changes = new Map([...units].flatMap(({ entries }) => entries.map((entry) => [entry.key, entry])));
    const found = yield* obstacles(draft, changes);
    if (found.length === 0) return { ok: true, units };
    own ??= found;
    const helpers = found.map(({ wants }) =>
      wants.map(pending.holding).find((unit) => unit !== undefined && !units.has(unit)),
    );
    for (const helper of helpers) {
      if (!helper) return { ok: false, obstacles: own };
      units.add(helper);
    }
  }
}

function* goLive({ draft, pending, rejections }: Settling, unit: Unit, again: Set<Unit>): Work<void> {
  pending.remove(unit);
  for (const { key, revision, document } of unit.entries) {
    if (document || draft.get(key)) draft.put(key, document && { document, revision });
    rejections.delete(key);
    for (const waiting of pending.waitingFor(key)) again.add(waiting);
    yield;
  }
}

function refuse({ rejections, at }: Settling, unit: Unit, found: readonly Obstacle[]): void {
  const heldBy = found.every((obstacle) => obstacle.heldBy !== undefined) ? found[0]?.heldBy : undefined;
  const culprits = [...new Set(found.map(({ key }) => keyTitle(key)))];
  for (const { key, revision } of unit.entries) {
    const own = found.filter((obstacle) => obstacle.key === key).map(({ problem }) => problem);
    const problems = own.length > 0 ? own.slice(0, limits.problemsPerDocument) : [publishedWith(key, culprits)];
    const earlier = rejections.get(key);
    const since = earlier?.revision === revision ? earlier.at : at;
    rejections.set(key, { key, revision, problems, at: since, ...(heldBy === undefined ? {} : { heldBy }) });
  }
}

function publishedWith(key: string, culprits: readonly string[]): Problem {
  const message = `is good, but was published together with ${listed(culprits)}, which was refused; all or nothing`;
  return { document: keyTitle(key), path: "", message };
}
