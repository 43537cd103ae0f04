import { setImmediate as yieldToOthers } from "node:timers/promises";

/**
 * A function to await between small pieces of work: it gives others the event loop once the work has taken `sliceMs` since
 * the last time, and costs next to nothing otherwise.
 */
export function createPause(sliceMs: number): () => Promise<void> {
  let startedAt = performance.now();
  const yielding = async () => {
    await yieldToOthers();
    startedAt = performance.now();
  };
  return () => (performance.now() - startedAt < sliceMs ? done : yielding());
}

const done = Promise.resolve();
