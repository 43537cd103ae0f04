import { createServer } from "node:http";
import { constants, PerformanceObserver } from "node:perf_hooks";

/** What the garbage collector did: runs, and milliseconds in which nothing else ran. */
export type Garbage = { readonly collections: number; readonly milliseconds: number };

/** What the collector of another process did since its start, as its metrics tell. */
export async function garbageOf(url: string): Promise<Garbage> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const sumOf = (name: string) =>
    [...text.matchAll(new RegExp(`^nodejs_gc_duration_seconds_${name}\\{.*\\} (.+)$`, "gm"))]
      .map(([, value]) => Number(value))
      .reduce((sum, value) => sum + value, 0);
  return { collections: sumOf("count"), milliseconds: 1000 * sumOf("sum") };
}

/** What was done between two looks at a collector. */
export function garbageBetween(before: Garbage, after: Garbage): Garbage {
  return {
    collections: after.collections - before.collections,
    milliseconds: after.milliseconds - before.milliseconds,
  };
}

/** The columns of a table that tell what the collector did in several rounds. */
export function garbageColumns(rounds: readonly Garbage[]) {
  const sumOf = (figure: keyof Garbage) => rounds.reduce((sum, each) => sum + each[figure], 0);
  return { "GC runs": sumOf("collections"), "GC ms": sumOf("milliseconds").toFixed(1) };
}

/**
 * Tells for {@link garbageOf} what the collector of this process does, on a port of its own: what the process serves itself
 * stays as bare as it is.
 */
export function serveGarbage(port: number): void {
  let [collections, seconds] = [0, 0];
  observeCollections((milliseconds) => {
    collections += 1;
    seconds += milliseconds / 1000;
  });
  createServer((_request, response) => {
    response.end(
      `nodejs_gc_duration_seconds_sum{kind="any"} ${seconds}\nnodejs_gc_duration_seconds_count{kind="any"} ${collections}\n`,
    );
  }).listen(port, "127.0.0.1");
}

/** Counts the collections of this process from now on. */
export function watchGarbage(): { taken(): Promise<Garbage>; stop(): void } {
  let collections = 0;
  let milliseconds = 0;
  const observer = observeCollections((duration) => {
    collections += 1;
    milliseconds += duration;
  });
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

/** `onCollection` hears how many milliseconds each took. */
function observeCollections(onCollection: (milliseconds: number) => void): PerformanceObserver {
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { kind } = (entry as unknown as { detail: { kind: number } }).detail;
      if (kind !== constants.NODE_PERFORMANCE_GC_WEAKCB) onCollection(entry.duration);
    }
  });
  observer.observe({ entryTypes: ["gc"] });
  return observer;
}
