import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { sendAwayWhenCutOff } from "./cut-off.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function setUp(hasOthers = true) {
  const stopping = new AbortController();
  let heardAtMs = Date.now();
  let ended = 0;
  sendAwayWhenCutOff({
    xds: {
      endStreams: () => {
        ended++;
      },
    },
    silentMs: () => Date.now() - heardAtMs,
    hasOthers: () => hasOthers,
    onEnd: () => {},
    signal: stopping.signal,
  });
  return {
    ended: () => ended,
    heard: () => {
      heardAtMs = Date.now();
    },
    stop: () => stopping.abort(),
  };
}

test("Envoys are sent away after four seconds without a heartbeat, and then less and less often", () => {
  const { ended } = setUp();
  vi.advanceTimersByTime(3750);
  expect(ended()).toBe(0);
  vi.advanceTimersByTime(250);
  expect(ended()).toBe(1);
  vi.advanceTimersByTime(1500);
  expect(ended()).toBe(2);
  vi.advanceTimersByTime(60_000);
  expect(ended()).toBeLessThan(8);
});

test("they stay when there is nowhere to go, and while heartbeats arrive", () => {
  const alone = setUp(false);
  const { ended, heard } = setUp();
  for (let second = 0; second < 20; second++) {
    vi.advanceTimersByTime(1000);
    heard();
  }
  expect([alone.ended(), ended()]).toEqual([0, 0]);
});

test("the next loss begins anew", () => {
  const { ended, heard, stop } = setUp();
  vi.advanceTimersByTime(20_000);
  heard();
  vi.advanceTimersByTime(3000);
  const before = ended();
  vi.advanceTimersByTime(1000);
  expect(ended()).toBe(before + 1);
  stop();
  vi.advanceTimersByTime(60_000);
  expect(ended()).toBe(before + 1);
});
