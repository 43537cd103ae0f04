import { headers, type MsgHdrs, nuid } from "@nats-io/transport-node";
import { deferred } from "../deferred.ts";
import { type Bucket, storeErrorFrom } from "./bucket.ts";
import { headerNames } from "./entry.ts";
import { StoreError } from "./store-error.ts";

/** Messages that the server takes as one atomic batch. */
export const batchLimit = 1000;

/** One entry to store. `expectedRevision` is the key's newest one, 0 when it has none; a null value deletes. */
export type BatchItem = { readonly key: string; readonly value: Uint8Array | null; readonly expectedRevision: number };

export type BatchOutcome =
  /** Item n has revision `firstRevision + n`. */
  | { readonly type: "stored"; readonly firstRevision: number }
  /** One of the keys has another revision; nothing was stored. */
  | { readonly type: "conflict" }
  /** No answer came: it may have been stored. */
  | { readonly type: "unknown" };

type Answer = {
  readonly error?: { readonly err_code?: number; readonly code?: number; readonly description?: string };
  readonly seq?: number;
  readonly count?: number;
};

const answerTimeoutMs = 10_000;
/** Between two answers of the server: keeps what waits in memory, on both sides, small. */
const bytesPerAnswer = 8 * 1024 * 1024;
const wrongRevisionCodes = [10071, 10164];
const incompleteCode = 10176;
const empty = new Uint8Array();

/**
 * Publishes the items as one JetStream atomic batch (NATS ADR-50), each bound to the revision that it replaces.
 * `onId` learns the batch id before anything is sent: stored entries carry it.
 *
 * The client's own `startBatch` is not used: it cannot hold a single message, drops the expected revisions of all but
 * the first, and reports a refused commit without the server's reason (seen on 3.4.0).
 */
export async function publishBatch(
  bucket: Bucket,
  items: readonly BatchItem[],
  onId: (id: string) => void,
): Promise<BatchOutcome> {
  requireFits(bucket, items);
  const { connection } = bucket.link;
  const id = nuid.next();
  onId(id);
  const refusedBefore = bucket.link.lastPermissionError();
  let unanswered = 0;
  for (const [index, item] of items.entries()) {
    const isLast = index === items.length - 1;
    const subject = bucket.subjectOf(item.key);
    const data = item.value ?? empty;
    const messageHeaders = headersOf(item, id, index + 1, isLast);
    unanswered += data.length;
    // The first is answered so that a server or user that cannot do this at all says so before the rest is sent.
    if (index > 0 && !isLast && unanswered < bytesPerAnswer) {
      connection.publish(subject, data, { headers: messageHeaders });
      continue;
    }
    unanswered = 0;
    const answer = await request(bucket, subject, data, messageHeaders);
    if (answer === null) return { type: "unknown" };
    const refused = bucket.link.lastPermissionError();
    if (refused !== refusedBefore) throw storeErrorFrom(refused, `storing ${items.map(({ key }) => key).join(", ")}`);
    if (answer.error) return refusal(bucket, answer.error);
    if (isLast) return { type: "stored", firstRevision: (answer.seq ?? 0) - items.length + 1 };
  }
  throw new StoreError("bad-request", "an atomic batch needs at least one document");
}

function headersOf(item: BatchItem, id: string, sequence: number, isLast: boolean): MsgHdrs {
  const result = headers();
  result.set(headerNames.batchId, id);
  result.set(headerNames.batchSequence, String(sequence));
  result.set(headerNames.expectedRevision, String(item.expectedRevision));
  if (item.value === null) result.set(headerNames.operation, "DEL");
  if (isLast) result.set(headerNames.batchCommit, "1");
  return result;
}

/** Null when no answer came. The answer to all but the last message is empty. */
async function request(
  bucket: Bucket,
  subject: string,
  data: Uint8Array,
  messageHeaders: MsgHdrs,
): Promise<Answer | null> {
  const { connection, onChange } = bucket.link;
  const lost = deferred<null>();
  const stopListening = onChange(() => lost.resolve(null));
  try {
    const answer = connection.request(subject, data, { headers: messageHeaders, timeout: answerTimeoutMs });
    // When the connection is lost first, nobody waits for this any more.
    answer.catch(() => undefined);
    const reply = await Promise.race([answer, lost.promise]);
    if (reply === null) return null;
    return reply.data.length === 0 ? {} : reply.json<Answer>();
  } catch (error) {
    const failure = storeErrorFrom(error, `storing ${bucket.keyOf(subject)}`);
    if (failure.code === "unreachable") return null;
    throw failure;
  } finally {
    stopListening();
  }
}

function refusal(bucket: Bucket, error: NonNullable<Answer["error"]>): BatchOutcome {
  if (wrongRevisionCodes.includes(error.err_code ?? 0)) return { type: "conflict" };
  // A new leader knows nothing of a batch that began under the old one; 503 and 429 are passing states.
  const isPassing = error.err_code === incompleteCode || error.code === 503 || error.code === 429;
  if (isPassing) throw new StoreError("unreachable", `the bucket ${bucket.name} is not ready: ${error.description}`);
  throw new StoreError(
    "failed",
    `the bucket ${bucket.name} refused the documents: ${error.description ?? "no reason given"} (NATS error ${error.err_code ?? error.code})`,
  );
}

function requireFits(bucket: Bucket, items: readonly BatchItem[]) {
  const headerBytes = 512;
  const maxPayload = bucket.link.connection.info?.max_payload ?? Number.POSITIVE_INFINITY;
  for (const { key, value } of items) {
    if (!value || value.length + headerBytes <= maxPayload) continue;
    throw new StoreError(
      "too-large",
      `${key} is ${value.length} bytes, and this NATS server takes messages of at most ${maxPayload}, headers included: raise max_payload in its configuration (2MB is enough)`,
    );
  }
}
