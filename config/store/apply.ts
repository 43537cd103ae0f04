import type { DocumentId, SignalboxDocument } from "../documents/document.ts";
import { documentId, documentKey } from "../documents/document.ts";
import { documentBytes } from "../format.ts";
import { limits } from "../limits.ts";
import { backoffMs, sleep } from "./backoff.ts";
import type { Bucket } from "./bucket.ts";
import { whenConnected } from "./connection.ts";
import { type BucketMessage, entryFrom, membershipOf } from "./entry.ts";
import { type BatchItem, batchLimit, publishBatch } from "./publish-batch.ts";
import { newestMessage } from "./read.ts";
import { type Conflict, StoreError } from "./store-error.ts";

/** A document to store, or one to delete. */
export type Change = ({ readonly document: SignalboxDocument } | { readonly delete: DocumentId }) & {
  /** The revision it was edited from, 0 for "must not exist". Absent: whatever is there is replaced. A document's own `metadata.revision` counts when this is absent. */
  readonly expectedRevision?: number;
};

export type ApplyOptions = {
  /** Publishes documents that are stored as they are already, and deletions of what does not exist. Off by default. */
  readonly force?: boolean;
  readonly signal?: AbortSignal;
};

export type ChangeResult = {
  readonly id: DocumentId;
  readonly key: string;
  /** The revision of the document now; 0 for a deletion of what never existed. */
  readonly revision: number;
  readonly change: "created" | "updated" | "deleted" | "unchanged";
};

/** `revision` is the newest one among the results: what consumers have to reach to have it all. */
export type ApplyResult = { readonly revision: number; readonly results: readonly ChangeResult[] };

const attempts = 6;
const reconnectTimeoutMs = 5000;

type Planned = {
  readonly id: DocumentId;
  readonly key: string;
  /** Null deletes. */
  readonly value: Uint8Array | null;
  readonly expectedRevision: number | undefined;
};

/**
 * Stores all the changes or none of them, as one atomic batch that consumers switch to as one. What is stored already
 * is not published again. Throws "conflict" when a document has another revision than the one its change was made from
 * (all such documents are named, nothing is stored), "too-large" above 1,000 changes or 1 MiB a document.
 */
export async function applyChanges(
  bucket: Bucket,
  changes: readonly Change[],
  options: ApplyOptions = {},
): Promise<ApplyResult> {
  const planned = plan(changes);
  const sent: Sent = { batchIds: new Set(), isUncertain: false };
  for (let attempt = 1; ; attempt++) {
    options.signal?.throwIfAborted();
    const result = await applyOnce(bucket, planned, sent, options);
    if (result) return result;
    if (attempt === attempts) throw gaveUp(sent, planned);
    await sleep(backoffMs(attempt), options.signal);
    await whenConnected(
      bucket.link,
      AbortSignal.any([AbortSignal.timeout(reconnectTimeoutMs), ...(options.signal ? [options.signal] : [])]),
    );
  }
}

type Sent = { readonly batchIds: Set<string>; isUncertain: boolean };

/** Null when it has to be tried again: others changed a document meanwhile, or no answer came. */
async function applyOnce(
  bucket: Bucket,
  planned: readonly Planned[],
  sent: Sent,
  options: ApplyOptions,
): Promise<ApplyResult | null> {
  const found = await readCurrent(bucket, planned).catch((error: unknown) => {
    if (sent.isUncertain && error instanceof StoreError && error.code === "unreachable") return null;
    throw error;
  });
  if (!found) return null;
  const ours = resultOfEarlierAttempt(planned, found, sent.batchIds);
  if (ours) return ours;
  requireExpected(planned, found);
  const steps = planned.map((change) => step(change, found.get(change.key) ?? null, options.force ?? false));
  const items = steps.flatMap(({ item }) => item ?? []);
  if (items.length === 0) return summary(steps.map(({ result }) => result));
  const outcome = await publishBatch(bucket, items, (id) => sent.batchIds.add(id));
  if (outcome.type === "stored") return summary(withRevisions(steps, outcome.firstRevision));
  sent.isUncertain = outcome.type === "unknown";
  return null;
}

type Step = { readonly item: BatchItem | null; readonly result: ChangeResult };

function plan(changes: readonly Change[]): readonly Planned[] {
  if (changes.length > batchLimit) {
    throw new StoreError(
      "too-large",
      `${changes.length} documents in one call: NATS stores at most ${batchLimit} as one atomic batch; apply them in parts`,
    );
  }
  const keys = new Set<string>();
  return changes.map((change) => {
    const id = "document" in change ? documentId(change.document) : change.delete;
    const key = documentKey(id);
    if (keys.has(key)) throw new StoreError("bad-request", `${key} is there twice: name each document once`);
    keys.add(key);
    const value = "document" in change ? documentBytes(change.document) : null;
    if (value && value.length > limits.documentBytes) {
      throw new StoreError(
        "too-large",
        `${key} is ${value.length} bytes as JSON; a document has at most ${limits.documentBytes}`,
      );
    }
    const written = "document" in change ? change.document.metadata.revision : undefined;
    return { id, key, value, expectedRevision: change.expectedRevision ?? written };
  });
}

type Current = ReadonlyMap<string, BucketMessage | null>;

async function readCurrent(bucket: Bucket, planned: readonly Planned[]): Promise<Current> {
  const messages = await Promise.all(planned.map(({ key }) => newestMessage(bucket, key)));
  return new Map(planned.map(({ key }, index) => [key, messages[index] ?? null]));
}

/** A deleted document counts as one that does not exist: both revision 0 and that of the deletion are right for it. */
function requireExpected(planned: readonly Planned[], current: Current) {
  const conflicts = planned.flatMap(({ key, expectedRevision }): readonly Conflict[] => {
    const message = current.get(key) ?? null;
    const actualRevision = message?.seq ?? 0;
    const isGone = message === null || entryFrom(message).value === null;
    const isExpected =
      expectedRevision === undefined || expectedRevision === actualRevision || (expectedRevision === 0 && isGone);
    return isExpected ? [] : [{ key, expectedRevision, actualRevision }];
  });
  if (conflicts.length > 0) throw conflictError(conflicts);
}

function conflictError(conflicts: readonly Conflict[]): StoreError {
  const lines = conflicts.map(({ key, expectedRevision, actualRevision }) => {
    const expected = expectedRevision === 0 ? "expected not to exist" : `edited from revision ${expectedRevision}`;
    return `${key} was ${expected}, but the store has ${actualRevision === 0 ? "none" : `revision ${actualRevision}`}`;
  });
  return new StoreError("conflict", `nothing was stored: ${lines.join("; ")}. Read the newest revision and edit that`, {
    conflicts,
  });
}

function step(change: Planned, current: BucketMessage | null, force: boolean): Step {
  const { id, key, value } = change;
  const stored = current && entryFrom(current).value;
  const revision = current?.seq ?? 0;
  const isUnchanged = value === null ? stored === null : stored !== null && Buffer.compare(value, stored) === 0;
  if (isUnchanged && !force) return { item: null, result: { id, key, revision, change: "unchanged" } };
  const kind = value === null ? "deleted" : stored === null ? "created" : "updated";
  return { item: { key, value, expectedRevision: revision }, result: { id, key, revision, change: kind } };
}

/** The revisions of a batch follow each other, in the order of its items. */
function withRevisions(steps: readonly Step[], firstRevision: number): readonly ChangeResult[] {
  let next = firstRevision;
  return steps.map(({ item, result }) => (item ? { ...result, revision: next++ } : result));
}

function summary(results: readonly ChangeResult[]): ApplyResult {
  return { revision: Math.max(0, ...results.map(({ revision }) => revision)), results };
}

/** An attempt whose answer was lost may have been stored all the same: its batch id is in the stored entries. */
function resultOfEarlierAttempt(
  planned: readonly Planned[],
  current: Current,
  batchIds: ReadonlySet<string>,
): ApplyResult | null {
  const isOurs = (message: BucketMessage | null | undefined) =>
    !!message && batchIds.has(membershipOf(message.headers)?.id ?? "");
  if (batchIds.size === 0 || !planned.some(({ key }) => isOurs(current.get(key)))) return null;
  return summary(
    planned.map(({ id, key, value }) => {
      const message = current.get(key);
      const change = !isOurs(message) ? "unchanged" : value === null ? "deleted" : "updated";
      return { id, key, revision: message?.seq ?? 0, change };
    }),
  );
}

function gaveUp(sent: Sent, planned: readonly Planned[]): StoreError {
  const keys = planned.map(({ key }) => key).join(", ");
  return sent.isUncertain
    ? new StoreError(
        "outcome-unknown",
        `the connection to NATS was lost while ${keys} were being stored: run the command again, what is stored already is not stored twice`,
      )
    : new StoreError(
        "conflict",
        `nothing was stored: others kept changing ${keys} during ${attempts} attempts; try again`,
      );
}
