import type { MsgHdrs } from "@nats-io/transport-node";
import type { StoredEntry } from "../live-documents.ts";
import type { BatchMembership } from "./batches.ts";

/** Headers that NATS gives a meaning to (ADR-8 for KV, ADR-50 for batches, of its own design documents). */
export const headerNames = {
  operation: "KV-Operation",
  marker: "Nats-Marker-Reason",
  batchId: "Nats-Batch-Id",
  batchSequence: "Nats-Batch-Sequence",
  batchCommit: "Nats-Batch-Commit",
  expectedRevision: "Nats-Expected-Last-Subject-Sequence",
} as const;

/** A message of the bucket's stream, however it was read. */
export type BucketMessage = {
  readonly key: string;
  readonly seq: number;
  readonly time: Date;
  readonly headers?: MsgHdrs;
  readonly data: Uint8Array;
};

/** A deletion is any of what KV clients write for it: a delete, a purge, or the server's own marker. */
export function entryFrom(message: BucketMessage): StoredEntry {
  const operation = message.headers?.get(headerNames.operation);
  const isDeletion = operation === "DEL" || operation === "PURGE" || !!message.headers?.get(headerNames.marker);
  return {
    key: message.key,
    revision: message.seq,
    value: isDeletion ? null : message.data,
    at: message.time.toISOString(),
  };
}

export function membershipOf(headers: MsgHdrs | undefined): BatchMembership | null {
  const id = headers?.get(headerNames.batchId);
  return id ? { id, isLast: headers?.has(headerNames.batchCommit) ?? false } : null;
}
