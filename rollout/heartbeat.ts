import { headers } from "@nats-io/transport-node";
import { anySignal } from "../config/any-signal.ts";
import { sleep } from "../config/store/backoff.ts";
import type { Bucket, BucketSettings } from "../config/store/bucket.ts";
import { connectToNats, type NatsLink, type NatsSettings } from "../config/store/connection.ts";
import { readAll } from "../config/store/read.ts";
import { messageOf } from "../config/store/store-error.ts";
import { isAwaited } from "./awaited-news.ts";
import { cpuTimeMs } from "./cpu-time.ts";
import { type ProcessStatus, processStatusSchema } from "./process-status.ts";
import { openStatusBucket } from "./status-bucket.ts";
import { withinLimits } from "./status-size.ts";

export type HeartbeatSettings = NatsSettings &
  BucketSettings & {
    /** Asked before every heartbeat, and after every call of `changed`. */
    readonly status: () => ProcessStatus;
    /** Between two heartbeats; 2,000 by default. */
    readonly intervalMs?: number;
    /** Hears why a heartbeat could not be published, once per cause; null when one could again. Must not throw. */
    readonly onProblem?: (problem: string | null) => void;
  };

export type Heartbeat = {
  /** Something changed: what somebody waits for (see {@link isAwaited}) is published at once, all else a while later. */
  changed(): void;
  /** Milliseconds since the last heartbeat that reached NATS, or since the start. */
  silentMs(): number;
  /** Takes the process out of the status at once, and ends; harmless when called twice. */
  stop(): Promise<void>;
};

/** After a heartbeat that was expensive to make, so many times as long as that took is for everything else. */
const restFactor = 3;
/** How soon after a change, so that what happens at once is one heartbeat. */
const afterChangeMs = 1;
/** How soon after one that nobody waits for. */
const unawaitedMs = 50;

/**
 * Publishes the process' status every two seconds until it is stopped. NATS may be away at any time, also at the
 * start: then nothing is published, and it goes on trying.
 */
export function startHeartbeat(settings: HeartbeatSettings): Heartbeat {
  const stopping = new AbortController();
  let wake = new AbortController();
  let link: NatsLink | null = null;
  let bucket: Bucket | null = null;
  let problem: string | null = null;
  let publishedAtMs = performance.now();
  let restMs = 0;
  /** Null when it is not known whether the last heartbeat has arrived. */
  let published: ProcessStatus | null = null;
  const report = (now: string | null) => {
    if (now !== problem) settings.onProblem?.(now);
    problem = now;
  };

  const beat = async () => {
    if (link?.connection.isClosed()) link = null;
    if (!link) {
      link = await connectToNats({ connectTimeoutMs: 2000, ...settings });
      link.onChange((connected) => connected && wake.abort());
    }
    // While it is reconnecting, a publish would only wait in memory and then say what is no longer true.
    if (!link.connected()) throw new Error("the connection to NATS was lost");
    // Opened again after a failure: the bucket is in memory and goes with the server.
    bucket ??= await openStatusBucket(link, settings);
    const status = look();
    const text = JSON.stringify(status);
    published = null;
    await link.client.publish(bucket.subjectOf(keyOf(status)), text, { timeout: 2000 });
    published = status;
    publishedAtMs = performance.now();
  };

  const look = () => {
    const cpuBeforeMs = cpuTimeMs();
    const status = withinLimits(settings.status());
    restMs = restFactor * (cpuTimeMs() - cpuBeforeMs);
    return status;
  };

  const untilDue = async () => {
    let dueAtMs = performance.now() + (settings.intervalMs ?? 2000);
    while (!stopping.signal.aborted) {
      const restingMs = Math.max(0, dueAtMs - performance.now());
      await sleep(restingMs, anySignal([wake.signal, stopping.signal]));
      if (!wake.signal.aborted) return;
      wake = new AbortController();
      dueAtMs = Math.min(dueAtMs, performance.now() + unawaitedMs);
      await sleep(Math.max(afterChangeMs, restMs), stopping.signal);
      if (isAwaited(published, look())) return;
    }
  };

  const run = async () => {
    while (!stopping.signal.aborted) {
      wake = new AbortController();
      try {
        await beat();
        report(null);
      } catch (error) {
        bucket = null;
        report(messageOf(error));
      }
      await untilDue();
    }
    await leave(link, bucket, settings.status()).catch(() => undefined);
    await link?.close();
  };

  const ended = run();
  return {
    changed: () => wake.abort(),
    silentMs: () => performance.now() - publishedAtMs,
    stop: async () => {
      stopping.abort();
      await ended;
    },
  };
}

/**
 * A process that cannot say goodbye is forgotten with its last heartbeat. An xds-server with Envoys leaves its last words, so
 * that it counts until its Envoys are seen on another one.
 */
async function leave(link: NatsLink | null, bucket: Bucket | null, status: ProcessStatus): Promise<void> {
  if (!link?.connected() || !bucket) return;
  if (status.envoys?.length) {
    const lastWords = JSON.stringify(withinLimits({ ...status, leaving: true }));
    await link.client.publish(bucket.subjectOf(keyOf(status)), lastWords, { timeout: 1000 });
    return;
  }
  const deletion = headers();
  deletion.set("KV-Operation", "DEL");
  await link.client.publish(bucket.subjectOf(keyOf(status)), undefined, { headers: deletion, timeout: 1000 });
}

function keyOf(status: ProcessStatus): string {
  return `${status.process}.${status.id.replace(/[^-\w]/g, "_")}`;
}

/**
 * The status of every process that is alive, sorted by process and id. Entries that are no status are left out. Throws
 * a StoreError when NATS does not answer.
 */
export async function readStatuses(settings: NatsSettings & BucketSettings): Promise<ProcessStatus[]> {
  const link = await connectToNats(settings);
  try {
    return await statusesIn(await openStatusBucket(link, settings));
  } finally {
    await link.close();
  }
}

/** {@link readStatuses} over a bucket that is open already. */
export async function statusesIn(bucket: Bucket): Promise<ProcessStatus[]> {
  const entries = await readAll(bucket, { from: "lastOfEach" });
  return entries
    .flatMap(({ value }) => parseStatus(value) ?? [])
    .sort((a, b) => (`${a.process}/${a.id}` < `${b.process}/${b.id}` ? -1 : 1));
}

/** Null for what is no status. */
export function parseStatus(value: Uint8Array | null): ProcessStatus | null {
  if (value === null) return null;
  try {
    return processStatusSchema.parse(JSON.parse(Buffer.from(value).toString()));
  } catch {
    return null;
  }
}
