import { AckPolicy, type ConsumerConfig, DeliverPolicy, ReplayPolicy } from "@nats-io/jetstream";
import { nuid } from "@nats-io/transport-node";
import { anySignal } from "../any-signal.ts";
import type { StoredEntry } from "../live-documents.ts";
import type { BatchMembership } from "./batches.ts";
import type { Bucket } from "./bucket.ts";
import { entryFrom, membershipOf } from "./entry.ts";
import { StoreError } from "./store-error.ts";

/** What to read of the bucket. */
export type DeliveryOptions = {
  /** `lastOfEach`: only the newest entry of every key. */
  readonly from: { readonly revision: number } | "lastOfEach";
  /** A key, or a pattern of keys with NATS wildcards; everything by default. */
  readonly keys?: string;
  /** Ends when everything that is stored has come, instead of waiting for more. */
  readonly untilEnd?: boolean;
  readonly signal: AbortSignal;
};

export type Delivery =
  /** Once, first. `pending` entries are stored already and will come. */
  | { readonly type: "start"; readonly pending: number }
  | {
      readonly type: "entry";
      readonly entry: StoredEntry;
      readonly membership: BatchMembership | null;
      /** Entries behind this one that are stored already. */
      readonly pending: number;
    }
  /** Nothing came for five seconds, though the server is alive. */
  | { readonly type: "quiet" };

/** Messages asked for at a time: bounds the memory of a slow reader, as none is asked for before these are used. */
const messagesPerFetch = 100;
const fetchTimeoutMs = 5000;
/** Two of these missed, and the connection or the consumer counts as dead. */
const heartbeatMs = 2000;
const forgottenAfterMs = 30_000;

/**
 * Reads entries in store order, each exactly once, through a consumer of its own on the server. Throws when that
 * consumer, the stream or the connection is lost, or when an entry is missing in between; the caller starts again
 * from the last revision it has. Abort ends it without an error.
 */
export async function* deliveries(bucket: Bucket, options: DeliveryOptions): AsyncGenerator<Delivery> {
  const { link, stream } = bucket;
  const lost = new AbortController();
  const stopListening = link.onChange(() => lost.abort());
  const over = anySignal([options.signal, lost.signal]);
  let name: string | undefined;
  try {
    // Named by us: a user's permissions can then allow `$JS.API.CONSUMER.CREATE.KV_<bucket>.>` and no more.
    name = `signalbox-${nuid.next()}`;
    const info = await link.manager.consumers.add(stream, { name, ...consumerConfig(bucket, options) });
    yield { type: "start", pending: info.num_pending };
    if (options.untilEnd && info.num_pending === 0) return;
    const consumer = link.client.consumers.getConsumerFromInfo(info);
    let delivered = 0;
    while (!over.aborted) {
      let isQuiet = true;
      const messages = await consumer.fetch({
        max_messages: messagesPerFetch,
        expires: fetchTimeoutMs,
        idle_heartbeat: heartbeatMs,
      });
      const stop = () => void messages.close();
      over.addEventListener("abort", stop);
      // It may have come while the messages were being asked for.
      if (over.aborted) stop();
      try {
        for await (const message of messages) {
          if (over.aborted) break;
          isQuiet = false;
          delivered += 1;
          if (message.info.deliverySequence !== delivered) {
            throw new StoreError("unreachable", `delivery ${delivered} of ${bucket.name} was lost on the way`);
          }
          const key = bucket.keyOf(message.subject);
          const { seq, time, headers, data } = message;
          const pending = message.info.pending;
          yield {
            type: "entry",
            entry: entryFrom({ key, seq, time, headers, data }),
            membership: membershipOf(headers),
            pending,
          };
          if (options.untilEnd && pending === 0) return;
        }
      } finally {
        over.removeEventListener("abort", stop);
        await messages.close();
      }
      if (isQuiet && !over.aborted) yield { type: "quiet" };
    }
    if (lost.signal.aborted && !options.signal.aborted) {
      throw new StoreError("unreachable", "the connection to NATS was lost");
    }
  } finally {
    stopListening();
    if (name && link.connected()) void link.manager.consumers.delete(stream, name).catch(() => undefined);
  }
}

function consumerConfig(bucket: Bucket, options: DeliveryOptions): Partial<ConsumerConfig> {
  return {
    ack_policy: AckPolicy.None,
    replay_policy: ReplayPolicy.Instant,
    mem_storage: true,
    num_replicas: 1,
    inactive_threshold: forgottenAfterMs * 1e6,
    // In the singular, because it then is a part of the request's subject, which permissions can speak about.
    filter_subject: bucket.subjectOf(options.keys ?? ">"),
    ...(options.from === "lastOfEach"
      ? { deliver_policy: DeliverPolicy.LastPerSubject }
      : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: Math.max(1, options.from.revision) }),
  };
}
