import { cpuTimeMs } from "./cpu-time.ts";

/** Work that many events ask for, and that must not take the whole process when it is expensive. */
export type Paced = {
  /** Does the work now, or as soon as the process has rested from the last time; asked for often, it is done once. */
  ask(): void;
  stop(): void;
};

/** Work that takes less is done every time. */
const cheapMs = 2;
/** After expensive work, so many times as long as it took is for everything else. */
const restFactor = 3;

/** `cpuMs`: what tells how expensive the work was. */
export function createPaced(work: () => void, cpuMs: () => number = cpuTimeMs): Paced {
  let restsUntilMs = 0;
  let timer: NodeJS.Timeout | undefined;
  const run = () => {
    timer = undefined;
    const cpuBeforeMs = cpuMs();
    work();
    const tookMs = cpuMs() - cpuBeforeMs;
    restsUntilMs = tookMs < cheapMs ? 0 : performance.now() + restFactor * tookMs;
  };
  return {
    ask: () => {
      if (timer !== undefined) return;
      const restMs = restsUntilMs - performance.now();
      if (restMs <= 0) run();
      else timer = setTimeout(run, restMs);
    },
    stop: () => clearTimeout(timer),
  };
}
