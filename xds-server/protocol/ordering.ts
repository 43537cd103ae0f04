import type { Gate, Subscription } from "./subscription.ts";
import { pushesWaitFor, removalsWaitFor, typeUrls } from "./type-urls.ts";

export type OrderingOptions = {
  /** Milliseconds between the ACK of the routes that stopped using a cluster and the removal of that cluster. */
  readonly removalGraceMs: number;
  /** Milliseconds after which routes no longer wait for the ACK of their clusters. */
  readonly clusterAckTimeoutMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
};

/** What one stream adds to the options of all. */
export type OrderedStream = {
  /**
   * Whether subscriptions to further types may be on their way, of a client that comes back. It sends all of them before it
   * takes anything in, so that with its first answer they are there.
   */
  readonly isBeginning: () => boolean;
  /** Milliseconds since the epoch. */
  readonly openedAt: number;
};

/** Make before break on one ADS stream. */
export type Ordering = {
  /** How far the type may go now, given where the others are. */
  gate(typeUrl: string, sequence: number): Gate;
  /** When a gate opens by time alone, in milliseconds since the epoch; undefined when only the client can open one. */
  wakeAt(): number | undefined;
};

type Subscriptions = ReadonlyMap<string, Pick<Subscription<never>, "progress" | "earliestHeldRemoval">>;

/**
 * Lets routes and listeners of a commit go only after its clusters were answered and its endpoints sent, and removals only
 * after everything that may still use them was acknowledged. Envoy withholds the ACK of clusters until they are warm, so
 * a route that waits for it never meets a missing cluster.
 */
export function createOrdering(subscriptions: Subscriptions, options: OrderingOptions & OrderedStream): Ordering {
  const { removalGraceMs, clusterAckTimeoutMs, now, isBeginning, openedAt } = options;
  const blocked = new Map<string, { readonly limit: number; readonly since: number }>();
  let graceEndsAt: number | undefined;

  const pushLimit = (typeUrl: string, sequence: number) => {
    const limit = Math.min(...pushesWaitFor(typeUrl).map((other) => reached(subscriptions, other)));
    if (limit >= sequence) {
      blocked.delete(typeUrl);
      return limit;
    }
    const known = blocked.get(typeUrl);
    const block = known && known.limit >= limit ? known : { limit, since: now() };
    blocked.set(typeUrl, block);
    if (now() < block.since + clusterAckTimeoutMs) return limit;
    // Never beyond what the client was sent: a route to a cluster that it does not know fails.
    return Math.min(...pushesWaitFor(typeUrl).map((other) => sent(subscriptions, other)));
  };

  /** Whether a type that is not on the stream may come yet. */
  const mayCome = () => {
    const endsAt = openedAt + clusterAckTimeoutMs;
    if (!isBeginning() || endsAt <= now()) return false;
    graceEndsAt = Math.min(graceEndsAt ?? endsAt, endsAt);
    return true;
  };

  const canRemove = (typeUrl: string, sequence: number) => {
    for (const other of removalsWaitFor(typeUrl)) {
      const user = subscriptions.get(other);
      if (!user && mayCome()) return false;
      if (!user) continue;
      if (user.progress.acknowledged < sequence || user.earliestHeldRemoval() <= sequence) return false;
      for (const ack of user.progress.recentAcks) {
        const endsAt = ack.at + removalGraceMs;
        if (ack.before >= sequence || endsAt <= now()) continue;
        graceEndsAt = Math.min(graceEndsAt ?? endsAt, endsAt);
        return false;
      }
    }
    return true;
  };

  return {
    gate: (typeUrl, sequence) => ({
      pushLimit: pushLimit(typeUrl, sequence),
      canRemove: (removedAt) => canRemove(typeUrl, removedAt),
    }),
    wakeAt: () => {
      const timeouts = [...blocked.values()].map((block) => block.since + clusterAckTimeoutMs);
      const next = Math.min(graceEndsAt ?? Number.POSITIVE_INFINITY, ...timeouts.filter((timeout) => timeout > now()));
      graceEndsAt = undefined;
      return Number.isFinite(next) ? next : undefined;
    },
  };
}

/** Clusters count when answered, endpoints when sent: what is sent on a stream is applied in order. */
function reached(subscriptions: Subscriptions, typeUrl: string): number {
  const progress = subscriptions.get(typeUrl)?.progress;
  if (!progress) return Number.POSITIVE_INFINITY;
  return typeUrl === typeUrls.cluster ? progress.settled : progress.sent;
}

function sent(subscriptions: Subscriptions, typeUrl: string): number {
  return subscriptions.get(typeUrl)?.progress.sent ?? Number.POSITIVE_INFINITY;
}
