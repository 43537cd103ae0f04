import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createPaced } from "./paced.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("cheap work is done each time it is asked for, however long the process waited for a processor", () => {
  let done = 0;
  const paced = createPaced(
    () => {
      done++;
      vi.advanceTimersByTime(100);
    },
    () => 0,
  );
  paced.ask();
  paced.ask();
  expect(done).toBe(2);
});

test("after expensive work the process rests for three times as long as it took, and then does it once", () => {
  let done = 0;
  let cpuMs = 0;
  const paced = createPaced(
    () => {
      done++;
      cpuMs += 10;
    },
    () => cpuMs,
  );
  for (let n = 0; n < 5; n++) paced.ask();
  expect(done).toBe(1);
  vi.advanceTimersByTime(29);
  expect(done).toBe(1);
  vi.advanceTimersByTime(2);
  expect(done).toBe(2);
  paced.stop();
});
