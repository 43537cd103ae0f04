import type { StreamConfig, StreamInfo } from "@nats-io/jetstream";
import { DiscardPolicy, JetStreamApiError, RetentionPolicy, StorageType } from "@nats-io/jetstream";
import type { NatsLink } from "./connection.ts";
import { messageOf, StoreError } from "./store-error.ts";

/** Which KV bucket holds the documents, and how it is made when it is missing. */
export type BucketSettings = {
  /** `signalbox` by default. */
  readonly bucket?: string;
  /** Copies of the data when the bucket is created: 1 by default, 3 on a cluster of three servers or more. */
  readonly replicas?: number;
};

/** The KV bucket of the documents on one connection. */
export type Bucket = {
  readonly link: NatsLink;
  readonly name: string;
  /** The JetStream stream behind the bucket, `KV_<bucket>`. */
  readonly stream: string;
  subjectOf(key: string): string;
  keyOf(subject: string): string;
  /** The stream as it is now; it is created when it is missing. */
  describe(): Promise<StreamIdentity>;
};

/** Tells a stream from another one that has the same name. */
export type StreamIdentity = {
  /** When the stream was created, ISO 8601 with nanoseconds: differs after a deletion and re-creation. */
  readonly createdAt: string;
  /** The revision of the newest entry; 0 in an empty stream. */
  readonly lastRevision: number;
};

/** Revisions kept of each document. */
export const historyPerKey = 64;

/**
 * Bytes of the largest value the bucket takes. Well above the limit of a document, so that consumers, who name the
 * limit and the document, refuse it, and not the server.
 */
const maxValueBytes = 4 * 1024 * 1024;

const oldestServer = [2, 12] as const;
const streamNotFound = 10059;
const streamNameInUse = 10058;

/** Opens the bucket; creates it when it is missing, and makes it able to take atomic batches when it is not. */
export async function openBucket(link: NatsLink, settings: BucketSettings = {}): Promise<Bucket> {
  requireServer(link);
  const name = settings.bucket ?? "signalbox";
  const stream = `KV_${name}`;
  const prefix = `$KV.${name}.`;
  const describe = async () => identityOf(await ensureStream(link, stream, streamConfig(name, settings)));
  await describe();
  return {
    link,
    name,
    stream,
    subjectOf: (key) => prefix + key,
    keyOf: (subject) => subject.slice(prefix.length),
    describe,
  };
}

function streamConfig(name: string, settings: BucketSettings): Partial<StreamConfig> & { name: string } {
  return {
    name: `KV_${name}`,
    description: "Signalbox documents",
    subjects: [`$KV.${name}.>`],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    num_replicas: settings.replicas ?? 1,
    max_msgs_per_subject: historyPerKey,
    max_msg_size: maxValueBytes,
    allow_rollup_hdrs: true,
    allow_direct: true,
    allow_atomic: true,
    deny_delete: true,
  };
}

async function ensureStream(
  link: NatsLink,
  stream: string,
  config: Partial<StreamConfig> & { name: string },
): Promise<StreamInfo> {
  const { streams } = link.manager;
  try {
    const info = await streams.info(stream).catch(async (error: unknown) => {
      if (!(error instanceof JetStreamApiError) || error.code !== streamNotFound) throw error;
      // Another process may have been quicker, with other settings.
      return await streams.add(config).catch(async (cause: unknown) => {
        if (!(cause instanceof JetStreamApiError) || cause.code !== streamNameInUse) throw cause;
        return await streams.info(stream);
      });
    });
    if (info.config.allow_atomic && info.config.max_msgs_per_subject >= historyPerKey) return info;
    return await streams.update(stream, { ...info.config, allow_atomic: true, max_msgs_per_subject: historyPerKey });
  } catch (cause) {
    throw storeErrorFrom(cause, `the bucket ${config.name.slice("KV_".length)}`);
  }
}

function identityOf(info: StreamInfo): StreamIdentity {
  return { createdAt: info.created, lastRevision: info.state.last_seq };
}

function requireServer(link: NatsLink) {
  const version = link.connection.info?.version ?? "unknown";
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isOldEnough = major > oldestServer[0] || (major === oldestServer[0] && minor >= oldestServer[1]);
  if (isOldEnough) return;
  throw new StoreError(
    "unsupported",
    `nats-server ${version} at ${link.connection.getServer()} is too old: atomic batches need ${oldestServer.join(".")} or newer`,
  );
}

/** Turns what the NATS client throws into a StoreError; `what` was being used. */
export function storeErrorFrom(cause: unknown, what: string): StoreError {
  if (cause instanceof StoreError) return cause;
  const text = messageOf(cause);
  if (/no responders|jetstream is not enabled|503/i.test(text)) {
    return new StoreError(
      "unsupported",
      `${what}: JetStream does not answer (${text}); is it enabled on the NATS server?`,
      { cause },
    );
  }
  if (/permission/i.test(text)) return new StoreError("denied", `${what}: NATS refuses this user: ${text}`, { cause });
  if (/timeout|closed|disconnect|connection|draining/i.test(text)) {
    return new StoreError("unreachable", `${what}: NATS does not answer (${text})`, { cause });
  }
  return new StoreError("failed", `${what}: ${text}`, { cause });
}
