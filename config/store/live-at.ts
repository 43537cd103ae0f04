import type { LiveDocuments, StoredEntry } from "../live-documents.ts";
import { emptyLiveDocuments, settleAll } from "../settle.ts";
import { createBatchGrouper } from "./batches.ts";
import { type Bucket, storeErrorFrom } from "./bucket.ts";
import { deliveries } from "./deliveries.ts";
import { isWithin, type Moment } from "./read.ts";

/**
 * What was in force at a moment, now when none is given: the kept history up to then, settled as every consumer does.
 * It differs from a listing by what consumers refused. Reads the whole history; documents with more than 64 revisions
 * since that moment are missing in it.
 */
export async function liveAt(bucket: Bucket, moment?: Moment): Promise<LiveDocuments> {
  const grouper = createBatchGrouper();
  const batches: (readonly StoredEntry[])[] = [];
  try {
    const signal = new AbortController().signal;
    for await (const delivery of deliveries(bucket, { from: { revision: 1 }, untilEnd: true, signal })) {
      if (delivery.type !== "entry") continue;
      if (moment && !isWithin(delivery.entry, moment)) break;
      batches.push(...grouper.add(delivery.entry, delivery.membership));
    }
  } catch (error) {
    throw storeErrorFrom(error, `reading the history of ${bucket.name}`);
  }
  return settleAll(emptyLiveDocuments, [...batches, ...grouper.flush()], new Date());
}
