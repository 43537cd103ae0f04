import { expect, test } from "vitest";
import { backoffMs, sleep } from "./backoff.ts";

test("the wait doubles from 100 ms to its limit, and half of it is random", () => {
  expect([0, 1, 2, 3].map((failures) => backoffMs(failures, () => 1))).toEqual([100, 200, 400, 800]);
  expect(backoffMs(3, () => 0)).toBe(400);
  expect(backoffMs(1000, () => 1)).toBe(5000);
});

test("sleep ends without an error when its signal aborts, also when it has aborted already", async () => {
  const over = new AbortController();
  const sleeping = sleep(1_000_000, over.signal);
  over.abort();
  await expect(sleeping).resolves.toBeUndefined();
  await expect(sleep(1_000_000, over.signal)).resolves.toBeUndefined();
});
