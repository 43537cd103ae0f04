import type { LiveDocuments, StoredEntry } from "../live-documents.ts";
import { emptyLiveDocuments } from "../settle.ts";
import { doAtOnce, doInPieces, type Work } from "../work.ts";
import type { FollowEvent } from "./follower-status.ts";
import { newRejections, settleSafely } from "./live-state.ts";

/**
 * The live documents of a follower in two states: what is settled so far, which runs ahead during a catch-up, and what
 * the listeners have.
 */
export type LiveHolder = {
  published(): LiveDocuments;
  subscribe(listener: (live: LiveDocuments) => void): () => void;
  /** Starts over from these documents, without telling anyone. */
  replace(live: LiveDocuments): void;
  /** Keeps a batch for the next {@link LiveHolder.settle}; returns how many entries wait for it. */
  take(batch: readonly StoredEntry[]): number;
  /** Takes in all that waits. */
  settle(): LiveDocuments;
  /** The same with `pause` awaited between documents; what comes to wait meanwhile goes on waiting. Not to be overlapped. */
  settleInPieces(pause: () => Promise<void>): Promise<LiveDocuments>;
  /** Tells the listeners what is settled, or the documents given; false when that is nothing new. */
  publish(live?: LiveDocuments): boolean;
};

/** No exception, of settling or of a listener, comes out of it: `emit` hears of each. */
export function createLiveHolder(deps: {
  readonly emit: (event: FollowEvent) => void;
  readonly now: () => Date;
}): LiveHolder {
  const { emit } = deps;
  const listeners = new Set<(live: LiveDocuments) => void>();
  let published = emptyLiveDocuments;
  let settled = emptyLiveDocuments;
  let waiting: (readonly StoredEntry[])[] = [];
  let waitingEntries = 0;
  /** Takes in all that waits now. */
  function* settling(): Work<LiveDocuments> {
    if (waiting.length === 0) return settled;
    const before = settled;
    const batches = waiting;
    waiting = [];
    waitingEntries = 0;
    settled = yield* settleSafely(before, batches, deps.now(), (revision, error) => {
      emit({ type: "settle-failed", revision, error });
    });
    for (const rejection of newRejections(before, settled)) {
      emit({ type: rejection.heldBy === undefined ? "rejected" : "held", rejection });
    }
    return settled;
  }
  return {
    published: () => published,
    subscribe(listener) {
      // Wrapped, so that the same function may be subscribed twice.
      const own = (live: LiveDocuments) => listener(live);
      listeners.add(own);
      return () => listeners.delete(own);
    },
    replace(live) {
      settled = live;
      waiting = [];
      waitingEntries = 0;
    },
    take(batch) {
      waiting.push(batch);
      waitingEntries += batch.length;
      return waitingEntries;
    },
    settle: () => doAtOnce(settling()),
    settleInPieces: (pause) => doInPieces(settling(), pause),
    publish(live = settled) {
      if (published === live) return false;
      published = live;
      for (const listener of [...listeners]) {
        try {
          listener(published);
        } catch (error) {
          emit({ type: "listener-failed", error });
        }
      }
      return true;
    },
  };
}
