import { expect, test } from "vitest";
import { createLatencyWindow } from "./latency-window.ts";

test("until there are twenty answers, nothing is known of them", () => {
  const latency = createLatencyWindow(50);
  for (let n = 0; n < 19; n++) latency.add(1);
  expect(latency.p95()).toBe(50);
  latency.add(1);
  expect(latency.p95()).toBe(1);
});

test("nineteen of twenty answers came within the 95th percentile, in whatever order", () => {
  const latency = createLatencyWindow(50);
  for (let n = 0; n < 200; n++) latency.add(((n * 37) % 200) + 1);
  expect(latency.p95()).toBe(190);
});

test("the latest two hundred count", () => {
  const latency = createLatencyWindow(50);
  for (let n = 0; n < 200; n++) latency.add(1000);
  for (let n = 0; n < 200; n++) latency.add(3);
  expect(latency.p95()).toBe(3);
});
