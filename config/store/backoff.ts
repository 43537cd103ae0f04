import { setTimeout as delay } from "node:timers/promises";

/** Resolves after `milliseconds`, or as soon as `signal` aborts; never rejects. */
export async function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  await delay(milliseconds, undefined, { signal }).catch(() => undefined);
}

/** Milliseconds to wait before the attempt after `failures` failures: 100 ms doubling to `maxMs`, half of it random. */
export function backoffMs(failures: number, random: () => number = Math.random, maxMs = 5000): number {
  const ceiling = Math.min(maxMs, 100 * 2 ** Math.min(failures, 16));
  return ceiling / 2 + (random() * ceiling) / 2;
}
