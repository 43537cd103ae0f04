/** Percentiles of single calls, in microseconds. */
export type Latency = { readonly p50: number; readonly p99: number; readonly p999: number };

export function latencyOf(microseconds: Float64Array): Latency {
  const sorted = microseconds.slice().sort();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999) };
}
