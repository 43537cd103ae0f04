import { constants, PerformanceObserver } from "node:perf_hooks";

/** What the garbage collector did: runs, and milliseconds in which nothing else ran. */
export type Garbage = { readonly collections: number; readonly milliseconds: number };

/** Counts the collections of this process from now on. */
export function watchGarbage(): { taken(): Promise<Garbage>; stop(): void } {
  let collections = 0;
  let milliseconds = 0;
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { kind } = (entry as unknown as { detail: { kind: number } }).detail;
      if (kind === constants.NODE_PERFORMANCE_GC_WEAKCB) continue;
      collections += 1;
      milliseconds += entry.duration;
    }
  });
  observer.observe({ entryTypes: ["gc"] });
  return {
    taken: async () => {
      // Entries are handed out in a later turn of the event loop.
      await new Promise((resolve) => setTimeout(resolve, 5));
      const taken = { collections, milliseconds };
      collections = 0;
      milliseconds = 0;
      return taken;
    },
    stop: () => observer.disconnect(),
  };
}
