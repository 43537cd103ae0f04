/** What the protocol layer knows of a connected Envoy. */
export type EnvoyProgress = {
  readonly nodeId: string;
  /** Everything up to this commit was sent and answered, accepted or refused; undefined before the first. */
  readonly settled: number | undefined;
};

/** An Envoy that the watermark waits for, or did. */
export type KnownEnvoy = {
  readonly nodeId: string;
  /** Everything up to this commit it has answered. */
  readonly settled: number;
  /** Whether the watermark waits for it. */
  readonly counts: boolean;
  /** New objectives whose routes it has not accepted yet. */
  readonly awaited: ReadonlySet<string>;
};

/** Remembers the Envoys of this xds-server: who counts for the watermark, and how far each is. */
export type EnvoyLedger = {
  /** Takes in who is connected now. `latest` is the newest commit. */
  observe(connected: readonly EnvoyProgress[], latest: number): void;
  /** Every Envoy that counts, or is connected. */
  known(): readonly KnownEnvoy[];
  /** A new objective was published: its routes come only once an Envoy has asked for them. */
  awaitRoutes(objective: string): void;
  /** An Envoy answered for the routes of these objectives. */
  answeredRoutes(nodeId: string, objectives: readonly string[]): void;
  /** The objective is gone, or not served to this Envoy. */
  forgetRoutes(objective: string): void;
};

type Entry = {
  settled: number;
  counts: boolean;
  /** It counts once it has answered this commit. */
  target: number;
  /** Since when it has answered nothing although there was something to answer; null while it is up to date. */
  behindSinceMs: number | null;
  /** Since when it is not connected; null while it is. */
  goneSinceMs: number | null;
  /** Routes were awaited from it when it went: nobody else may know that it lacks them. */
  lacksRoutes: boolean;
  readonly awaited: Set<string>;
};

/**
 * How long after an Envoy went another one's word for it is not taken yet: what was said before it went may still come, and an
 * Envoy asks for the routes of a scope only once it has the scope.
 */
const elsewhereForMs = 1000;

/**
 * An Envoy counts from when it has caught up with what there was when it connected. One that vanished counts for `ttlMs`
 * more, as it was, for it may only be reconnecting, unless another xds-server waits for it by then; one that is connected and answers nothing for `ttlMs` counts no more until
 * it has caught up. `now`: milliseconds of a clock that never jumps; `isElsewhere`: whether another xds-server has waited for an
 * Envoy since some time of it.
 */
export function createEnvoyLedger(deps: {
  readonly ttlMs: number;
  readonly now: () => number;
  readonly isElsewhere?: (nodeId: string, sinceMs: number) => boolean;
}): EnvoyLedger {
  const { ttlMs, now, isElsewhere = () => false } = deps;
  const entries = new Map<string, Entry>();

  const noteConnected = ({ nodeId, settled = 0 }: EnvoyProgress, latest: number) => {
    const entry = entries.get(nodeId) ?? newEntry(latest);
    entries.set(nodeId, entry);
    entry.goneSinceMs = null;
    const isProgress = settled > entry.settled;
    // Envoys do not unlearn: a new stream begins at nothing, while the Envoy behind it has what it had.
    entry.settled = Math.max(entry.settled, settled);
    if (entry.settled >= latest) entry.behindSinceMs = null;
    else if (isProgress || entry.behindSinceMs === null) entry.behindSinceMs = now();
    if (!entry.counts && settled >= entry.target) entry.counts = true;
    const isSilent = entry.behindSinceMs !== null && now() - entry.behindSinceMs >= ttlMs;
    if (entry.counts && isSilent) {
      entry.counts = false;
      entry.target = latest;
    }
  };

  const noteGone = (nodeId: string, entry: Entry) => {
    if (entry.goneSinceMs === null) {
      entry.goneSinceMs = now();
      entry.lacksRoutes = entry.awaited.size > 0;
    }
    const isOver = now() - entry.goneSinceMs >= ttlMs;
    if (isOver || !entry.counts || (!entry.lacksRoutes && isElsewhere(nodeId, entry.goneSinceMs + elsewhereForMs)))
      entries.delete(nodeId);
  };

  return {
    observe: (connected, latest) => {
      for (const each of connected) noteConnected(each, latest);
      const ids = new Set(connected.map(({ nodeId }) => nodeId));
      for (const [nodeId, entry] of entries) if (!ids.has(nodeId)) noteGone(nodeId, entry);
    },
    known: () => [...entries].map(([nodeId, { settled, counts, awaited }]) => ({ nodeId, settled, counts, awaited })),
    awaitRoutes: (objective) => {
      for (const { awaited } of entries.values()) awaited.add(objective);
    },
    answeredRoutes: (nodeId, objectives) => {
      const awaited = entries.get(nodeId)?.awaited;
      if (awaited?.size) for (const objective of objectives) awaited.delete(objective);
    },
    forgetRoutes: (objective) => {
      for (const { awaited } of entries.values()) awaited.delete(objective);
    },
  };
}

function newEntry(target: number): Entry {
  const unknown = { behindSinceMs: null, goneSinceMs: null, lacksRoutes: false };
  return { settled: 0, counts: false, target, ...unknown, awaited: new Set() };
}
