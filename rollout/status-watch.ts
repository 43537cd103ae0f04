import { backoffMs, sleep } from "../config/store/backoff.ts";
import type { Bucket, BucketSettings } from "../config/store/bucket.ts";
import { connectToNats, type NatsLink, type NatsSettings } from "../config/store/connection.ts";
import { deliveries } from "../config/store/deliveries.ts";
import { messageOf } from "../config/store/store-error.ts";
import { parseStatus } from "./heartbeat.ts";
import type { ProcessStatus } from "./process-status.ts";
import { createProcessTable, type ProcessTable } from "./process-table.ts";
import { openStatusBucket, statusLifetimeMs } from "./status-bucket.ts";

export type StatusWatchSettings = NatsSettings &
  BucketSettings & {
    /** The stream of the documents: when it is much older than that of the statuses, those were lost just now. */
    readonly documentsBucket?: string;
    /** Milliseconds of a clock that never jumps. */
    readonly now?: () => number;
    /** Hears why the statuses cannot be watched, once per cause; null when they can again. Must not throw. */
    readonly onProblem?: (problem: string | null) => void;
    readonly signal: AbortSignal;
  };

/** The statuses of all processes, as they come. */
export type StatusWatch = {
  /** Every process that is alive; null until all of them have had the time to report, and while NATS is away. */
  current(): readonly ProcessStatus[] | null;
  /** Besides those alive, the ones that vanished less than `forMs` ago. Also while NATS is away. */
  remembered(forMs: number): readonly ProcessStatus[];
  /** Those who said their last status after this (`now`), and not before NATS was last away. */
  saidAfter(atMs: number): readonly ProcessStatus[];
  /** Everybody heard of in the last day, to be written down and taken in again by the next process: see {@link ProcessTable}. */
  readonly memory: Pick<ProcessTable, "silences" | "restore">;
  /** Called after every change, and when a process has vanished; returns what ends that. */
  subscribe(listener: () => void): () => void;
  /** Resolves when all has ended after `signal` aborted. */
  readonly stopped: Promise<void>;
};

/** How long processes may take to report when NATS lost their statuses: two heartbeats and a half. */
const reportAgainMs = 5000;
/** How much older the documents are when the bucket of statuses was made anew. */
const youngerByMs = 10_000;
/** How often somebody may be found to have vanished. */
const sweepMs = 500;

/** Watches the status bucket until `signal` aborts, and tries for ever to reach NATS. */
export function watchStatuses(settings: StatusWatchSettings): StatusWatch {
  const { signal, now = () => performance.now() } = settings;
  const table = createProcessTable({ lifetimeMs: statusLifetimeMs, now });
  const listeners = new Set<() => void>();
  let completeAtMs: number | null = null;
  let problem: string | null = null;
  let aliveBefore = 0;
  const notify = () => {
    aliveBefore = table.alive().length;
    for (const listener of [...listeners]) listener();
  };
  const report = (next: string | null) => {
    if (next !== problem) settings.onProblem?.(next);
    problem = next;
  };
  const isComplete = () => completeAtMs !== null && now() >= completeAtMs;

  const sweeping = setInterval(() => {
    const becameComplete = completeAtMs !== null && now() >= completeAtMs && now() - completeAtMs < 2 * sweepMs;
    if (becameComplete || table.alive().length !== aliveBefore) notify();
  }, sweepMs);
  sweeping.unref();

  const watchOnce = async () => {
    const link = await connectToNats({ connectTimeoutMs: 2000, ...settings });
    const stopListening = link.onChange((connected) => {
      if (connected) return;
      completeAtMs = null;
      table.suspend();
    });
    try {
      const bucket = await openStatusBucket(link, settings);
      const waitMs = (await wereStatusesLost(link, bucket, settings)) ? reportAgainMs : 0;
      let isStored = true;
      const caughtUp = () => {
        isStored = false;
        table.resume();
        report(null);
        completeAtMs ??= now() + waitMs;
      };
      for await (const delivery of deliveries(bucket, { from: "lastOfEach", signal })) {
        if (delivery.type === "start" && delivery.pending === 0) caughtUp();
        if (delivery.type === "entry") {
          const { key, value } = delivery.entry;
          const status = parseStatus(value);
          // Garbage says nothing of the process; a deletion is a goodbye.
          if (status !== null || value === null) table.note(key, status, isStored);
          if (delivery.pending === 0) caughtUp();
        }
        if (delivery.type !== "entry" || delivery.pending === 0) notify();
      }
    } finally {
      stopListening();
      completeAtMs = null;
      table.suspend();
      await link.close();
    }
  };

  const run = async () => {
    for (let failures = 0; !signal.aborted; failures++) {
      const startedAtMs = now();
      await watchOnce().catch((error: unknown) => {
        if (!signal.aborted) report(messageOf(error));
      });
      if (now() - startedAtMs > 10_000) failures = 0;
      await sleep(backoffMs(failures, Math.random, 1000), signal);
    }
    clearInterval(sweeping);
  };

  return {
    current: () => (isComplete() ? table.alive() : null),
    remembered: table.remembered,
    saidAfter: (atMs) => (isComplete() ? table.saidAfter(atMs) : []),
    memory: { silences: table.silences, restore: table.restore },
    subscribe: (listener) => {
      const own = () => listener();
      listeners.add(own);
      return () => listeners.delete(own);
    },
    stopped: run(),
  };
}

/** NATS keeps statuses in memory: with its process they are gone, and the bucket is younger than the documents. */
async function wereStatusesLost(link: NatsLink, bucket: Bucket, settings: StatusWatchSettings): Promise<boolean> {
  const documents = `KV_${settings.documentsBucket ?? "signalbox"}`;
  const [statuses, stored] = await Promise.all([
    link.manager.streams.info(bucket.stream),
    link.manager.streams.info(documents).catch(() => null),
  ]);
  if (!stored) return false;
  const serverNow = Date.parse(statuses.ts ?? "");
  const age = serverNow - Date.parse(statuses.created);
  return age < youngerByMs && Date.parse(statuses.created) - Date.parse(stored.created) > youngerByMs;
}
