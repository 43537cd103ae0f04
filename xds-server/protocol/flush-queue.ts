/** Something with changes to send. */
export type Flushable = { flush(): void };

/** Runs the flushes of all streams, a slice at a time, so that the event loop stays free for the clients' answers. */
export type FlushQueue = {
  /** Flushes soon, after what has already arrived from the network was taken in. */
  soon(item: Flushable): void;
  /** Flushes at the end of the coalescing window, which begins with the first call. */
  coalesced(item: Flushable): void;
  remove(item: Flushable): void;
};

export type FlushQueueOptions = {
  /** Milliseconds in which several commits become one response. */
  readonly coalesceMs: number;
  /** Milliseconds of work after which the event loop has its turn. */
  readonly sliceMs: number;
};

export function createFlushQueue({ coalesceMs, sliceMs }: FlushQueueOptions): FlushQueue {
  const ready = new Set<Flushable>();
  const waiting = new Set<Flushable>();
  let isRunning = false;
  let timer: NodeJS.Timeout | undefined;

  const run = () => {
    const end = performance.now() + sliceMs;
    for (const item of ready) {
      ready.delete(item);
      item.flush();
      if (performance.now() >= end) break;
    }
    if (ready.size > 0) setImmediate(run);
    else isRunning = false;
  };
  const start = () => {
    if (isRunning) return;
    isRunning = true;
    setImmediate(run);
  };

  return {
    soon: (item) => {
      ready.add(item);
      start();
    },
    coalesced: (item) => {
      waiting.add(item);
      timer ??= setTimeout(() => {
        timer = undefined;
        for (const each of waiting) ready.add(each);
        waiting.clear();
        start();
      }, coalesceMs);
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
