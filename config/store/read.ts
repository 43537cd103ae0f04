import type { DocumentId, Kind } from "../documents/document.ts";
import { documentKey } from "../documents/document.ts";
import type { StoredEntry } from "../live-documents.ts";
import { type Bucket, historyPerKey, storeErrorFrom } from "./bucket.ts";
import { type DeliveryOptions, deliveries } from "./deliveries.ts";
import { type BucketMessage, entryFrom } from "./entry.ts";
import { StoreError } from "./store-error.ts";

/** A point in the store's past: a revision, or a time (ISO 8601 text that names its zone, or a Date). */
export type Moment = { readonly revision: number } | { readonly at: string | Date };

/** Which documents; all by default. */
export type ListFilter = { readonly kind?: Kind; readonly namespace?: string };

/** The newest message of a key, asked from the stream's leader, so that it is never stale. Null when there is none. */
export async function newestMessage(bucket: Bucket, key: string): Promise<BucketMessage | null> {
  try {
    const message = await bucket.link.manager.streams.getMessage(bucket.stream, {
      last_by_subj: bucket.subjectOf(key),
    });
    return message && { key, seq: message.seq, time: message.time, headers: message.header, data: message.data };
  } catch (error) {
    throw storeErrorFrom(error, `reading ${key}`);
  }
}

/**
 * The newest entry of a document, or the one that was newest at `moment`; null when there was none. Its `value` is null
 * when it was deleted. Throws "history-lost" when that moment is before what the store keeps (64 revisions of each).
 */
export async function getEntry(bucket: Bucket, id: DocumentId, moment?: Moment): Promise<StoredEntry | null> {
  const key = documentKey(id);
  if (!moment) {
    const message = await newestMessage(bucket, key);
    return message && entryFrom(message);
  }
  return entryAt(await historyOf(bucket, id), key, moment);
}

/** Every kept revision of a document, oldest first, at most 64; deletions are among them. */
export async function historyOf(bucket: Bucket, id: DocumentId): Promise<StoredEntry[]> {
  return await readAll(bucket, { from: { revision: 0 }, keys: documentKey(id) });
}

/** The newest entry of every document that exists, or that existed at `moment`, in key order. */
export async function listEntries(bucket: Bucket, filter: ListFilter = {}, moment?: Moment): Promise<StoredEntry[]> {
  const keys = `${filter.kind?.toLowerCase() ?? "*"}.${filter.namespace ?? "*"}.*`;
  const entries = moment
    ? newestAt(await readAll(bucket, { from: { revision: 0 }, keys }), moment)
    : await readAll(bucket, { from: "lastOfEach", keys });
  return entries.filter((entry) => entry.value !== null).sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** Reads what is stored now, in store order. */
export async function readAll(
  bucket: Bucket,
  options: Pick<DeliveryOptions, "from" | "keys"> & { readonly signal?: AbortSignal },
): Promise<StoredEntry[]> {
  const entries: StoredEntry[] = [];
  const signal = options.signal ?? new AbortController().signal;
  try {
    for await (const delivery of deliveries(bucket, { ...options, untilEnd: true, signal })) {
      if (delivery.type === "entry") entries.push(delivery.entry);
      if (delivery.type === "quiet") throw new StoreError("unreachable", "the rest of the entries did not come");
    }
  } catch (error) {
    throw storeErrorFrom(error, `reading ${bucket.name}`);
  }
  return entries;
}

/** True when an entry was stored at the moment already. */
export function isWithin(entry: StoredEntry, moment: Moment): boolean {
  return "revision" in moment ? entry.revision <= moment.revision : Date.parse(entry.at) <= instant(moment.at);
}

function newestAt(entries: readonly StoredEntry[], moment: Moment): StoredEntry[] {
  // Not Map.groupBy, which Node has only since 21.
  const histories = new Map<string, StoredEntry[]>();
  for (const entry of entries) {
    const history = histories.get(entry.key);
    if (history) history.push(entry);
    else histories.set(entry.key, [entry]);
  }
  return [...histories].flatMap(([key, history]) => entryAt(history, key, moment) ?? []);
}

function entryAt(history: readonly StoredEntry[], key: string, moment: Moment): StoredEntry | null {
  const found = history.findLast((entry) => isWithin(entry, moment));
  const oldest = history[0];
  if (found || !oldest || history.length < historyPerKey) return found ?? null;
  throw new StoreError(
    "history-lost",
    `${key}: the store keeps ${historyPerKey} revisions of a document, and the oldest one kept is revision ${oldest.revision} of ${oldest.at}; ask for that or a later one`,
  );
}

function instant(at: string | Date): number {
  const milliseconds = typeof at === "string" ? Date.parse(at) : at.getTime();
  if (Number.isNaN(milliseconds)) {
    throw new StoreError("bad-request", `"${at}" is not a time: give one such as 2026-11-21T08:30:00Z`);
  }
  return milliseconds;
}
