/**
 * Aborts with the first of the signals that does, and with its reason. `AbortSignal.any`, which Node has only since 20.3:
 * before, the result stays known to the signals until one of them aborts.
 */
export function anySignal(signals: readonly AbortSignal[]): AbortSignal {
  if (typeof AbortSignal.any === "function") return AbortSignal.any([...signals]);
  const any = new AbortController();
  const aborted = signals.find((signal) => signal.aborted);
  if (aborted) any.abort(aborted.reason);
  for (const signal of signals) {
    signal.addEventListener("abort", () => any.abort(signal.reason), { once: true, signal: any.signal });
  }
  return any.signal;
}
