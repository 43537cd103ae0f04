import type { StreamConfig, StreamInfo } from "@nats-io/jetstream";
import { DiscardPolicy, JetStreamApiError, RetentionPolicy, StorageType } from "@nats-io/jetstream";
import type { NatsLink } from "./connection.ts";
import { messageOf, StoreError } from "./store-error.ts";

/** Which KV bucket holds the documents, and how it is made when it is missing. */
export type BucketSettings = {
  /** `signalbox` by default. */
  readonly bucket?: string;
  /** Copies of the data when the bucket is created: 1 by default; 3 on a cluster of three servers keeps it through the loss of one. */
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

/** Opens the bucket of the documents; creates it when it is missing, makes it able to take atomic batches when it is not. */
export async function openBucket(link: NatsLink, settings: BucketSettings = {}): Promise<Bucket> {
  const name = settings.bucket ?? "signalbox";
  const isAsNeeded = ({ config }: StreamInfo) => config.allow_atomic && config.max_msgs_per_subject >= historyPerKey;
  return await openKvBucket(link, documentsStream(name, settings), async (info) =>
    isAsNeeded(info)
      ? info
      : await link.manager.streams.update(info.config.name, {
          ...info.config,
          allow_atomic: true,
          max_msgs_per_subject: historyPerKey,
        }),
  );
}

/**
 * Opens any KV bucket: a stream named `KV_<bucket>` over the subjects `$KV.<bucket>.>`, as every NATS client lays it
 * out (NATS ADR-8). It is created from `config` when it is missing; `repair` may change one that is there.
 */
export async function openKvBucket(
  link: NatsLink,
  config: KvStream,
  repair: (info: StreamInfo) => Promise<StreamInfo> = async (info) => info,
): Promise<Bucket> {
  requireServer(link);
  const name = config.name.slice("KV_".length);
  const prefix = `$KV.${name}.`;
  const describe = async () => {
    try {
      return identityOf(await repair(await findOrCreate(link, config)));
    } catch (cause) {
      throw storeErrorFrom(cause, `the bucket ${name}`);
    }
  };
  await describe();
  return {
    link,
    name,
    stream: config.name,
    subjectOf: (key) => prefix + key,
    keyOf: (subject) => subject.slice(prefix.length),
    describe,
  };
}

/** The stream of a KV bucket; its name begins with `KV_`. */
export type KvStream = Partial<StreamConfig> & { readonly name: string };

function documentsStream(name: string, settings: BucketSettings): KvStream {
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

async function findOrCreate({ manager: { streams } }: NatsLink, config: KvStream): Promise<StreamInfo> {
  try {
    return await streams.info(config.name);
  } catch (error) {
    if (!isCode(error, streamNotFound)) throw error;
  }
  try {
    return await streams.add(config);
  } catch (error) {
    // Another process was quicker, with other settings.
    if (!isCode(error, streamNameInUse)) throw error;
    return await streams.info(config.name);
  }
}

function isCode(error: unknown, code: number): boolean {
  return error instanceof JetStreamApiError && error.code === code;
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
  if (/permission/i.test(text)) return new StoreError("denied", `${what}: NATS refuses this user: ${text}`, { cause });
  if (/no responders|jetstream.*not enabled/i.test(text)) {
    // Also what a server says that has only just started, hence an error that passes.
    const hint = "is JetStream enabled on the NATS server?";
    return new StoreError("unreachable", `${what}: JetStream does not answer (${text}); ${hint}`, { cause });
  }
  if (/timeout|closed|disconnect|connection|draining|temporarily unavailable/i.test(text)) {
    return new StoreError("unreachable", `${what}: NATS does not answer (${text})`, { cause });
  }
  return new StoreError("failed", `${what}: ${text}`, { cause });
}
