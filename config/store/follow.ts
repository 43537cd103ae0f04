import { setImmediate as yieldToOthers } from "node:timers/promises";
import { deferred } from "../deferred.ts";
import type { LiveDocuments, StoredEntry } from "../live-documents.ts";
import { createPause } from "../pause.ts";
import { readAhead } from "../settle.ts";
import { backoffMs, sleep } from "./backoff.ts";
import { openBucket, type StreamIdentity } from "./bucket.ts";
import { connectToNats, type NatsLink } from "./connection.ts";
import type { StoreSettings } from "./document-store.ts";
import type { FollowEvent, FollowerStatus } from "./follower-status.ts";
import { createLiveHolder } from "./live-holder.ts";
import { carryOver, countCarriedOver, countDocuments } from "./live-state.ts";
import { openSnapshotFolder } from "./snapshot.ts";
import { createSnapshotWriter } from "./snapshot-writer.ts";
import { messageOf } from "./store-error.ts";
import { watchBucket } from "./watch.ts";

export type FollowSettings = StoreSettings & {
  /** Where the last-good snapshots are kept; no other process may use it. */
  readonly snapshotFolder: string;
  /** How long NATS may take at the start until the snapshot is used instead; 3,000 by default. */
  readonly startTimeoutMs?: number;
  /** Between a change and its snapshot; 1,000 by default. */
  readonly snapshotDelayMs?: number;
  /** Hears of the documents that were live when the last snapshot was written, before anything else. Must not throw. */
  readonly onSnapshot?: (live: LiveDocuments) => void;
  /** Everything worth a log line. Must not throw. */
  readonly onEvent?: (event: FollowEvent) => void;
  /** Ends it: the watch stops, the connection closes, the last snapshot is written. */
  readonly signal: AbortSignal;
};

export type LiveFollower = {
  /** The documents in force; none until it is ready. The same object until something changes. */
  current(): LiveDocuments;
  /** Called after every change of `current()`, never in the middle of a batch; returns what ends that. */
  subscribe(listener: (live: LiveDocuments) => void): () => void;
  status(): FollowerStatus;
  /** Resolves when it is ready: up to date with NATS, or on the snapshot. With neither it waits for ever. */
  readonly started: Promise<void>;
  /** Resolves when all has ended after `signal` aborted. */
  readonly stopped: Promise<void>;
};

/** Entries settled in one go, before others get a turn of the event loop. */
const entriesPerSlice = 500;
/** Stored revisions are read and settled for so long, before others get a turn. */
const workForMs = 1;
/** While updates keep coming, listeners hear of them this often. */
const publishEveryMs = 200;

/**
 * Keeps the live documents of this process: watches the store, settles what comes, and writes the result down. It
 * starts from the last-good snapshot when NATS does not answer in time, never goes back to an older revision, and
 * tries to reach NATS for ever. Nothing that is published can end it. While it catches up, at the start or after a
 * loss of NATS, listeners see the result only, not the way there.
 */
export function followDocuments(settings: FollowSettings): LiveFollower {
  const { signal } = settings;
  const emit = settings.onEvent ?? (() => undefined);
  const now = () => new Date();
  const started = deferred<void>();
  const holder = createLiveHolder({ emit, now });
  const snapshots = openSnapshotFolder(settings.snapshotFolder);
  const writer = createSnapshotWriter({
    folder: snapshots,
    delayMs: settings.snapshotDelayMs ?? 1000,
    onWritten: (problem) => {
      if (problem !== null) emit({ type: "snapshot-not-written", reason: problem });
      status = { ...status, snapshotError: problem ?? undefined };
    },
  });
  let status: FollowerStatus = {
    ready: false,
    source: "none",
    connected: false,
    revision: 0,
    staleSince: now().toISOString(),
  };
  let streamCreatedAt: string | undefined;
  let isCaughtUp = false;
  let publishedAtMs = 0;

  const publish = (source: "snapshot" | "store", given?: LiveDocuments) => {
    const isFirst = !status.ready;
    const isChange = holder.publish(given);
    const live = holder.published();
    publishedAtMs = Date.now();
    status = { ...status, ready: true, source, revision: live.revision };
    if (source === "store" && streamCreatedAt) writer.offer({ live, streamCreatedAt });
    if (isFirst) emit({ type: "ready", source, revision: live.revision });
    else if (isChange) emit({ type: "updated", revision: live.revision });
    started.resolve();
  };

  const onLost = (error: unknown) => {
    const live = holder.settle();
    if (isCaughtUp && live !== holder.published()) publish("store");
    isCaughtUp = false;
    writer.pause();
    const lastError = messageOf(error);
    if (status.connected || !status.lastError) emit({ type: "disconnected", reason: lastError });
    status = { ...status, connected: false, lastError, staleSince: status.staleSince ?? now().toISOString() };
  };

  const onStream = (stream: StreamIdentity, link: NatsLink) => {
    streamCreatedAt = stream.createdAt;
    status = { ...status, connected: true, lastError: undefined };
    emit({ type: "connected", server: link.connection.getServer() });
  };

  const onReplaced = () => {
    const live = carryOver(holder.settle());
    holder.replace(live);
    status = { ...status, carriedOver: { documents: countDocuments(live), since: now().toISOString() } };
    emit({ type: "stream-replaced", documents: countDocuments(live) });
  };

  const onCaughtUp = () => {
    const live = holder.settle();
    isCaughtUp = true;
    status = { ...status, staleSince: undefined };
    publish("store");
    emit({ type: "caught-up", revision: live.revision });
  };

  const onBatch = async (entries: readonly StoredEntry[], { pending }: { readonly pending: number }) => {
    const pause = createPause(workForMs);
    for (const entry of entries) {
      readAhead(entry);
      await pause();
    }
    const waiting = holder.take(entries);
    if (pending > 0 && waiting < entriesPerSlice) return;
    await holder.settleInPieces(pause);
    if (isCaughtUp && (pending === 0 || Date.now() - publishedAtMs > publishEveryMs)) publish("store");
    if (pending > 0) await yieldToOthers();
  };

  const followOnce = async () => {
    const link = await connectToNats(settings);
    const stopListening = link.onChange((connected) => {
      if (!connected) onLost("the connection to NATS was lost");
    });
    try {
      const bucket = await openBucket(link, settings);
      await watchBucket(
        bucket,
        {
          fromRevision: holder.settle().revision + 1,
          streamCreatedAt,
          signal,
          onCaughtUp,
          onReplaced,
          onInterrupted: onLost,
          onStream: (stream) => onStream(stream, link),
        },
        onBatch,
      );
    } finally {
      stopListening();
      await link.close();
    }
  };

  const run = async () => {
    const loaded = await snapshots.load((file, reason) => emit({ type: "snapshot-unusable", file, reason }));
    if (loaded) {
      holder.replace(loaded.live);
      streamCreatedAt = loaded.streamCreatedAt;
      status = { ...status, staleSince: loaded.currentAt };
      const { live, currentAt } = loaded;
      settings.onSnapshot?.(live);
      emit({ type: "snapshot-loaded", revision: live.revision, documents: countDocuments(live), currentAt });
    }
    const startTimer = setTimeout(() => {
      if (loaded && !status.ready) publish("snapshot", loaded.live);
    }, settings.startTimeoutMs ?? 3000);
    for (let failures = 0; !signal.aborted; failures++) {
      const startedAtMs = Date.now();
      await followOnce().catch((error: unknown) => (signal.aborted ? undefined : onLost(error)));
      if (Date.now() - startedAtMs > 60_000) failures = 0;
      await sleep(backoffMs(failures), signal);
    }
    clearTimeout(startTimer);
    await writer.close();
  };

  const stopped = run();
  return {
    current: holder.published,
    subscribe: holder.subscribe,
    status: () => withCarriedOver(status, holder.published()),
    started: started.promise,
    stopped,
  };
}

/** Counted anew: documents that the new stream brings, or deletes, leave the count. */
function withCarriedOver(status: FollowerStatus, live: LiveDocuments): FollowerStatus {
  if (!status.carriedOver) return status;
  const documents = countCarriedOver(live);
  return { ...status, carriedOver: documents === 0 ? undefined : { ...status.carriedOver, documents } };
}
