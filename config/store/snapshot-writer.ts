import type { SnapshotFolder } from "./snapshot.ts";
import type { SnapshotState } from "./snapshot-format.ts";
import { messageOf } from "./store-error.ts";

/** Writes the newest state some time after it changed, one write at a time, and confirms it while it stays. */
export type SnapshotWriter = {
  /** This state is current now; it is written after the delay, when no newer one came. */
  offer(state: SnapshotState): void;
  /** Until the next offer nobody knows whether the state is still current. */
  pause(): void;
  /** Writes what is not written yet, and stops. Never rejects. */
  close(): Promise<void>;
};

const confirmEveryMs = 30_000;
/** After a write, so many times as long as it took before the next one: the more there is to write, the rarer. */
const restFactor = 10;

/** `onWritten` hears of every write: null, or why it failed. A failed one is tried again. */
export function createSnapshotWriter(deps: {
  readonly folder: SnapshotFolder;
  /** Between a change and its write, at least: many changes in a row are written once. */
  readonly delayMs: number;
  readonly onWritten: (problem: string | null) => void;
}): SnapshotWriter {
  let unwritten: SnapshotState | null = null;
  let newest: SnapshotState | null = null;
  let timer: NodeJS.Timeout | null = null;
  let writing = Promise.resolve();
  let isCurrent = false;
  let restMs = 0;
  const writeLater = () => {
    timer ??= setTimeout(write, Math.max(deps.delayMs, restMs));
  };
  const attempt = (work: () => Promise<void>) => {
    writing = writing.then(work).then(
      () => deps.onWritten(null),
      (error: unknown) => deps.onWritten(messageOf(error)),
    );
    return writing;
  };
  const write = () => {
    if (timer) clearTimeout(timer);
    timer = null;
    return attempt(async () => {
      const state = unwritten;
      if (!state) return;
      const startedAtMs = performance.now();
      await deps.folder.save(state);
      restMs = restFactor * (performance.now() - startedAtMs);
      if (unwritten === state) unwritten = null;
      else writeLater();
    });
  };
  const confirmOrRetry = () => (unwritten ? write() : isCurrent ? attempt(() => deps.folder.confirm()) : undefined);
  const confirming = setInterval(confirmOrRetry, confirmEveryMs);
  return {
    offer(state) {
      isCurrent = true;
      if (newest?.live === state.live && newest.streamCreatedAt === state.streamCreatedAt) return;
      newest = state;
      unwritten = state;
      writeLater();
    },
    pause() {
      isCurrent = false;
    },
    async close() {
      clearInterval(confirming);
      await confirmOrRetry();
      // A change that came during that write.
      await write();
      if (timer) clearTimeout(timer);
    },
  };
}
