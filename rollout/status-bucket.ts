import { DiscardPolicy, RetentionPolicy, StorageType } from "@nats-io/jetstream";
import { type Bucket, type BucketSettings, openKvBucket } from "../config/store/bucket.ts";
import type { NatsLink } from "../config/store/connection.ts";

/** A process whose last heartbeat is older than this no longer counts: the entry is gone. */
export const statusLifetimeMs = 10_000;

/**
 * Opens the KV bucket of heartbeats (`signalbox-status` by default), created when it is missing: in memory, one entry
 * a process, each forgotten after {@link statusLifetimeMs}.
 */
export function openStatusBucket(link: NatsLink, settings: BucketSettings = {}): Promise<Bucket> {
  const name = settings.bucket ?? "signalbox-status";
  return openKvBucket(link, {
    name: `KV_${name}`,
    description: "Heartbeats of the Signalbox processes",
    subjects: [`$KV.${name}.>`],
    retention: RetentionPolicy.Limits,
    storage: StorageType.Memory,
    discard: DiscardPolicy.New,
    num_replicas: settings.replicas ?? 1,
    max_msgs_per_subject: 1,
    max_age: statusLifetimeMs * 1e6,
    allow_rollup_hdrs: true,
    allow_direct: true,
  });
}
