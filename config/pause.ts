import { setTimeout as rest, setImmediate as yieldToOthers } from "node:timers/promises";

/** Others had work to do when they had the event loop for longer than it takes to find out that there is none. */
const busyMs = 0.1;
/** Work that is over sooner does not rest: a single change is not to wait for anybody. */
const shortMs = 5;
const longestRestMs = 20;

/** There is one event loop: whoever pauses, pauses behind those who do so already. */
let line: Promise<unknown> = Promise.resolve();

/**
 * A function to await between small pieces of work: it gives others the event loop once the work has taken `sliceMs` since
 * the last time, and costs next to nothing otherwise. Where others have a use for it, long work rests for as long as it took,
 * waiting for a processor included. Of several such works one has a turn at a time.
 */
export function createPause(sliceMs: number): () => Promise<void> {
  let startedAt = performance.now();
  let workedMs = 0;
  const yielding = async (tookMs: number) => {
    workedMs += tookMs;
    const restMs = workedMs < shortMs ? 0 : Math.min(tookMs, longestRestMs);
    line = line.then(() => letOthers(restMs));
    await line;
    startedAt = performance.now();
  };
  return () => {
    const tookMs = performance.now() - startedAt;
    return tookMs < sliceMs ? done : yielding(tookMs);
  };
}

async function letOthers(restMs: number): Promise<void> {
  const startedAt = performance.now();
  await yieldToOthers();
  if (restMs > 0 && performance.now() - startedAt > busyMs) await rest(restMs);
}

const done = Promise.resolve();
