import { constants, PerformanceObserver } from "node:perf_hooks";

/** How long turns of the event loop were, in milliseconds of processor time, which other load of the machine does not blur. */
export type Turns = {
  /** How many turns took up to so many milliseconds, and more than the bound before; shorter ones than the first are not told apart. */
  readonly histogram: Readonly<Record<string, number>>;
  readonly maxMs: number;
  /** The longest turn without the pauses of the garbage collector in it. */
  readonly maxWithoutGarbageMs: number;
  /** The longest pause of the garbage collector, by the clock. */
  readonly garbageMaxMs: number;
};

type Span = { readonly startedAt: number; readonly endedAt: number };
type Turn = Span & { readonly cpuMs: number };

/** Upper bounds of the histogram. */
const boundsMs = [5, 10, 20, 30, 40, 50];

/**
 * Watches the turns of this thread's event loop: `take` tells of those since the call before. A timer of 1 ms, which is due in each
 * turn that takes longer, reads the processor time of the thread; so to a turn up to 1 ms of its neighbours is added.
 */
export function watchTurns(): { take(): Promise<Turns>; stop(): void } {
  let turns: Turn[] = [];
  let pauses: Span[] = [];
  let before = { at: performance.now(), cpu: process.threadCpuUsage() };
  const timer = setInterval(() => {
    const { user, system } = process.threadCpuUsage(before.cpu);
    const at = performance.now();
    const cpuMs = (user + system) / 1000;
    if (cpuMs > 1) turns.push({ startedAt: before.at, endedAt: at, cpuMs });
    before = { at, cpu: process.threadCpuUsage() };
  }, 1);
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { kind } = (entry as unknown as { detail: { kind: number } }).detail;
      if (kind === constants.NODE_PERFORMANCE_GC_WEAKCB) continue;
      pauses.push({ startedAt: entry.startTime, endedAt: entry.startTime + entry.duration });
    }
  });
  observer.observe({ entryTypes: ["gc"] });
  return {
    take: async () => {
      // Entries of the collector are handed out in a later turn.
      await new Promise((resolve) => setTimeout(resolve, 20));
      const taken = summary(turns, pauses);
      turns = [];
      pauses = [];
      return taken;
    },
    stop: () => {
      clearInterval(timer);
      observer.disconnect();
    },
  };
}

function summary(turns: readonly Turn[], pauses: readonly Span[]): Turns {
  const lengths = turns.map(({ cpuMs }) => cpuMs);
  const withoutGarbage = turns.map((turn) => turn.cpuMs - sum(pauses.map((pause) => overlap(turn, pause))));
  const bounds = [...boundsMs, Number.POSITIVE_INFINITY];
  const histogram = bounds.map((bound, index) => {
    const above = bounds[index - 1] ?? 0;
    const label = Number.isFinite(bound) ? `<=${bound}` : `>${above}`;
    return [label, lengths.filter((length) => length > above && length <= bound).length] as const;
  });
  return {
    histogram: Object.fromEntries(histogram),
    maxMs: Math.max(0, ...lengths),
    maxWithoutGarbageMs: Math.max(0, ...withoutGarbage),
    garbageMaxMs: Math.max(0, ...pauses.map(({ startedAt, endedAt }) => endedAt - startedAt)),
  };
}

function overlap(turn: Span, pause: Span): number {
  return Math.max(0, Math.min(turn.endedAt, pause.endedAt) - Math.max(turn.startedAt, pause.startedAt));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
