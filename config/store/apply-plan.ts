import type { DocumentId, SignalboxDocument } from "../documents/document.ts";
import { documentId, documentKey } from "../documents/document.ts";
import { documentBytes } from "../format.ts";
import { limits } from "../limits.ts";
import { type BucketMessage, entryFrom, membershipOf } from "./entry.ts";
import { type BatchItem, batchLimit } from "./publish-batch.ts";
import { type Conflict, StoreError } from "./store-error.ts";

/** A document to store, or one to delete. */
export type Change = ({ readonly document: SignalboxDocument } | { readonly delete: DocumentId }) & {
  /** The revision it was edited from, 0 for "must not exist". Absent: whatever is there is replaced. A document's own `metadata.revision` counts when this is absent. */
  readonly expectedRevision?: number;
};

export type ApplyOptions = {
  /** Publishes documents that are stored as they are already, and deletions of what does not exist. Off by default. */
  readonly force?: boolean;
  /** How long a loss of the connection, or of the cluster's leader, is waited out; 15,000 by default. */
  readonly timeoutMs?: number;
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

/** A change that was checked by itself. */
export type Planned = {
  readonly id: DocumentId;
  readonly key: string;
  /** Null deletes. */
  readonly value: Uint8Array | null;
  readonly expectedRevision: number | undefined;
};

export type Step = { readonly item: BatchItem | null; readonly result: ChangeResult };

export function plan(changes: readonly Change[]): readonly Planned[] {
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

/** The newest message of each key. */
export type Current = ReadonlyMap<string, BucketMessage | null>;

/** A deleted document counts as one that does not exist: both revision 0 and that of the deletion are right for it. */
export function requireExpected(planned: readonly Planned[], current: Current) {
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

export function step(change: Planned, current: BucketMessage | null, force: boolean): Step {
  const { id, key, value } = change;
  const stored = current && entryFrom(current).value;
  const revision = current?.seq ?? 0;
  const isUnchanged = value === null ? stored === null : stored !== null && Buffer.compare(value, stored) === 0;
  if (isUnchanged && !force) return { item: null, result: { id, key, revision, change: "unchanged" } };
  const kind = value === null ? "deleted" : stored === null ? "created" : "updated";
  return { item: { key, value, expectedRevision: revision }, result: { id, key, revision, change: kind } };
}

/** The revisions of a batch follow each other, in the order of its items. */
export function withRevisions(steps: readonly Step[], firstRevision: number): readonly ChangeResult[] {
  let next = firstRevision;
  return steps.map(({ item, result }) => (item ? { ...result, revision: next++ } : result));
}

export function summary(results: readonly ChangeResult[]): ApplyResult {
  return { revision: Math.max(0, ...results.map(({ revision }) => revision)), results };
}

/** An attempt whose answer was lost may have been stored all the same: its batch id is in the stored entries. */
export function resultOfEarlierAttempt(
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
