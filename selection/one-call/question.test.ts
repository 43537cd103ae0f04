import { expect, test } from "vitest";
import { resolverTimes } from "./question.ts";

test("both parts of the time for a resolver are at most the whole, and never none", () => {
  const times = (timeoutMs: number, resolverTimeoutMs: number) => resolverTimes({ timeoutMs, resolverTimeoutMs });
  expect(times(300, 100)).toEqual({ firstMs: 50, restMs: 50 });
  expect(times(0, 101)).toEqual({ firstMs: 51, restMs: 50 });
  expect(times(30, 100)).toEqual({ firstMs: 15, restMs: 15 });
  expect(times(300, 1)).toEqual({ firstMs: 1, restMs: 1 });
});
