import { constants, PerformanceObserver } from "node:perf_hooks";

/** What the garbage collector did: runs, and milliseconds in which nothing else ran. */
export type Garbage = { readonly collections: number; readonly milliseconds: number };

/** What the collector of another process did since its start, as its metrics tell; null for one that has none. */
export async function garbageOf(url: string): Promise<Garbage | null> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const sumOf = (name: string) =>
    [...text.matchAll(new RegExp(`^nodejs_gc_duration_seconds_${name}\\{.*\\} (.+)$`, "gm"))]
      .map(([, value]) => Number(value))
      .reduce((sum, value) => sum + value, 0);
  return text.includes("nodejs_gc_duration_seconds")
    ? { collections: sumOf("count"), milliseconds: 1000 * sumOf("sum") }
    : null;
}

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
