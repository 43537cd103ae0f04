import type { StoredEntry } from "../live-documents.ts";
import { backoffMs, sleep } from "./backoff.ts";
import { createBatchGrouper } from "./batches.ts";
import type { Bucket, StreamIdentity } from "./bucket.ts";
import { storeErrorFrom } from "./bucket.ts";
import { whenConnected } from "./connection.ts";
import { deliveries } from "./deliveries.ts";
import { StoreError } from "./store-error.ts";

export type WatchOptions = {
  /** The first revision wanted; 0 and 1 are all history that is kept. */
  readonly fromRevision: number;
  /** The `createdAt` of the stream that `fromRevision` belongs to, when it is from an earlier run. */
  readonly streamCreatedAt?: string;
  readonly signal: AbortSignal;
  /** Everything that was stored when the watch (re)connected has been delivered. */
  readonly onCaughtUp?: () => void | Promise<void>;
  /** The connection, the server or the consumer was lost; the watch goes on by itself. */
  readonly onInterrupted?: (error: StoreError) => void;
  /** Called whenever watching begins or begins again, before the entries come. */
  readonly onStream?: (stream: StreamIdentity) => void | Promise<void>;
  /**
   * The stream was deleted and created again, or lost its newest entries, so that revisions start anew: the entries of
   * the new one follow, from its first. What the old one said is no longer stored anywhere.
   */
  readonly onReplaced?: (stream: StreamIdentity) => void | Promise<void>;
};

/**
 * Receives the entries of one atomic batch, or one entry that was published alone. `pending` entries behind it are
 * stored already. The watch waits for the promise: a slow consumer slows only itself.
 */
export type OnBatch = (entries: readonly StoredEntry[], progress: { readonly pending: number }) => void | Promise<void>;

/** An exception of a callback, which ends the watch; everything else it survives. */
class CallbackFailed extends Error {}

/**
 * Delivers every batch once, in store order, until `signal` aborts; then it resolves. Reconnects, server restarts and
 * slow consumers neither lose nor reorder anything: it starts again behind the last batch that was delivered. Rejects
 * only with what a callback threw, or when the connection was closed for good.
 */
export async function watchBucket(bucket: Bucket, options: WatchOptions, onBatch: OnBatch): Promise<void> {
  const { signal } = options;
  const position = { delivered: Math.max(0, options.fromRevision - 1), streamCreatedAt: options.streamCreatedAt };
  let failures = 0;
  while (!signal.aborted) {
    if (bucket.link.connection.isClosed()) throw new StoreError("unreachable", "the connection to NATS was closed");
    try {
      await watchUntilLost(bucket, options, position, onBatch, () => {
        failures = 0;
      });
    } catch (error) {
      if (error instanceof CallbackFailed) throw error.cause;
      if (signal.aborted) return;
      options.onInterrupted?.(storeErrorFrom(error, `watching ${bucket.name}`));
    }
    await sleep(backoffMs(failures++), signal);
    await whenConnected(bucket.link, signal);
  }
}

type Position = { delivered: number; streamCreatedAt: string | undefined };

async function watchUntilLost(
  bucket: Bucket,
  options: WatchOptions,
  position: Position,
  onBatch: OnBatch,
  onProgress: () => void,
): Promise<void> {
  const stream = await bucket.describe();
  if (isReplaced(stream, position)) {
    position.delivered = 0;
    await call(() => options.onReplaced?.(stream));
  }
  position.streamCreatedAt = stream.createdAt;
  const grouper = createBatchGrouper();
  let isCaughtUp = false;
  const caughtUp = async () => {
    if (isCaughtUp) return;
    isCaughtUp = true;
    await call(() => options.onCaughtUp?.());
  };
  const deliver = async (batches: readonly (readonly StoredEntry[])[], pending: number) => {
    const behind = pending + (grouper.isOpen() ? 1 : 0);
    for (const [index, batch] of batches.entries()) {
      await call(() => onBatch(batch, { pending: behind + batches.length - 1 - index }));
      position.delivered = batch.at(-1)?.revision ?? position.delivered;
    }
    const hasAll = !grouper.isOpen() && (pending === 0 || position.delivered >= stream.lastRevision);
    if (hasAll) await caughtUp();
  };
  const from = { revision: position.delivered + 1 };
  for await (const delivery of deliveries(bucket, { from, signal: options.signal })) {
    onProgress();
    if (delivery.type === "start") {
      await call(() => options.onStream?.(stream));
      if (delivery.pending === 0) await caughtUp();
    }
    if (delivery.type === "entry") await deliver(grouper.add(delivery.entry, delivery.membership), delivery.pending);
    // The rest of a batch comes at once or never: a server died while it stored it, or the end was deleted.
    if (delivery.type === "quiet") await deliver(grouper.flush(), 0);
  }
}

function isReplaced(stream: StreamIdentity, position: Position): boolean {
  const isAnother = position.streamCreatedAt !== undefined && position.streamCreatedAt !== stream.createdAt;
  return isAnother || stream.lastRevision < position.delivered;
}

async function call(callback: () => unknown): Promise<void> {
  try {
    await callback();
  } catch (error) {
    throw new CallbackFailed("a callback of the watch threw", { cause: error });
  }
}
