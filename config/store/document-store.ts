import type { DocumentId } from "../documents/document.ts";
import type { LiveDocuments, StoredEntry } from "../live-documents.ts";
import { applyChanges } from "./apply.ts";
import type { ApplyOptions, ApplyResult, Change } from "./apply-plan.ts";
import { type BucketSettings, openBucket } from "./bucket.ts";
import { connectToNats, type NatsSettings } from "./connection.ts";
import { liveAt } from "./live-at.ts";
import { getEntry, historyOf, type ListFilter, listEntries, type Moment } from "./read.ts";
import { type OnBatch, type WatchOptions, watchBucket } from "./watch.ts";

export type StoreSettings = NatsSettings & BucketSettings;

/** The documents in NATS. Every method throws StoreError. */
export type DocumentStore = {
  /** See {@link applyChanges}: all or nothing, and refused when a document changed since it was read. */
  apply(changes: readonly Change[], options?: ApplyOptions): Promise<ApplyResult>;
  /** See {@link getEntry}. */
  get(id: DocumentId, moment?: Moment): Promise<StoredEntry | null>;
  /** See {@link listEntries}. */
  list(filter?: ListFilter, moment?: Moment): Promise<StoredEntry[]>;
  /** See {@link historyOf}. */
  history(id: DocumentId): Promise<StoredEntry[]>;
  /** See {@link liveAt}: what consumers had in force, which is less than what is stored when they refused some of it. */
  liveAt(moment?: Moment): Promise<LiveDocuments>;
  /** The revision of the newest entry of all, deletions included; 0 in an empty store. */
  lastRevision(): Promise<number>;
  /** See {@link watchBucket}. */
  watch(options: WatchOptions, onBatch: OnBatch): Promise<void>;
  close(): Promise<void>;
};

/**
 * Connects to NATS and opens the bucket, which is created when it is missing. Throws "unreachable" when no server
 * answers within `connectTimeoutMs` (2,000 by default); later losses of the connection mend themselves.
 */
export async function connectStore(settings: StoreSettings): Promise<DocumentStore> {
  const link = await connectToNats(settings);
  try {
    const bucket = await openBucket(link, settings);
    return {
      apply: (changes, options) => applyChanges(bucket, changes, options),
      get: (id, moment) => getEntry(bucket, id, moment),
      list: (filter, moment) => listEntries(bucket, filter, moment),
      history: (id) => historyOf(bucket, id),
      liveAt: (moment) => liveAt(bucket, moment),
      lastRevision: async () => (await bucket.describe()).lastRevision,
      watch: (options, onBatch) => watchBucket(bucket, options, onBatch),
      close: () => link.close(),
    };
  } catch (error) {
    await link.close();
    throw error;
  }
}
