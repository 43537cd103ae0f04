const samples = 200;
const recomputeEvery = 20;

/** The 95th percentile of the latest answers' times, in milliseconds. */
export type LatencyWindow = {
  add(milliseconds: number): void;
  /** `unknownMs` until there are 20 answers. */
  p95(): number;
};

export function createLatencyWindow(unknownMs: number): LatencyWindow {
  const window: number[] = [];
  let next = 0;
  let sinceComputed = 0;
  let computed = unknownMs;
  return {
    add: (milliseconds) => {
      window[next] = milliseconds;
      next = (next + 1) % samples;
      sinceComputed++;
      if (window.length < recomputeEvery || sinceComputed < recomputeEvery) return;
      sinceComputed = 0;
      const sorted = [...window].sort((a, b) => a - b);
      computed = sorted[Math.ceil(sorted.length * 0.95) - 1] as number;
    },
    p95: () => computed,
  };
}
