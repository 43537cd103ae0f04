/** Something with changes to send. */
export type Flushable = { flush(): void };

/** Runs the flushes of all streams, a slice at a time, so that the event loop stays free for the clients' answers. */
export type FlushQueue = {
  /** Flushes soon, after what has already arrived from the network was taken in. */
  soon(item: Flushable): void;
  /** Flushes soon the first time, and what comes within the coalescing window after that, at its end. */
  coalesced(item: Flushable): void;
  /** Notes bytes given to the network, which copies them after the slice: very many end it before its time. */
  gave(bytes: number): void;
  remove(item: Flushable): void;
};

export type FlushQueueOptions = {
  /** Milliseconds after a commit was flushed in which further ones become one response. */
  readonly coalesceMs: number;
  /** Milliseconds of work after which the event loop has its turn. */
  readonly sliceMs: number;
};

/** Bytes given to the network in one slice: time that they take is not in the slice. */
const bytesPerSlice = 16 * 1024 * 1024;

export function createFlushQueue({ coalesceMs, sliceMs }: FlushQueueOptions): FlushQueue {
  const ready = new Set<Flushable>();
  const waiting = new Set<Flushable>();
  let isRunning = false;
  let bytesGiven = 0;
  let timer: NodeJS.Timeout | undefined;
  /** What comes now belongs to the first flush of the window. */
  let isFirst = false;

  const run = () => {
    isFirst = false;
    const end = performance.now() + sliceMs;
    bytesGiven = 0;
    for (const item of ready) {
      ready.delete(item);
      item.flush();
      if (performance.now() >= end || bytesGiven >= bytesPerSlice) break;
    }
    if (ready.size > 0) setImmediate(run);
    else isRunning = false;
  };
  const start = () => {
    if (isRunning) return;
    isRunning = true;
    setImmediate(run);
  };

  const soon = (item: Flushable) => {
    ready.add(item);
    start();
  };
  const openWindow = () => {
    timer = setTimeout(() => {
      timer = undefined;
      if (waiting.size > 0) openWindow();
      for (const each of waiting) soon(each);
      waiting.clear();
    }, coalesceMs);
  };

  return {
    soon,
    coalesced: (item) => {
      if (timer === undefined) {
        openWindow();
        isFirst = true;
      }
      if (isFirst) soon(item);
      else waiting.add(item);
    },
    gave: (bytes) => {
      bytesGiven += bytes;
    },
    remove: (item) => {
      ready.delete(item);
      waiting.delete(item);
      if (waiting.size > 0) return;
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
