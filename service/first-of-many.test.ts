import { expect, test } from "vitest";
import { createFirstOfMany } from "./first-of-many.ts";

test("the same text is let through once an interval, another one beside it", () => {
  let now = 0;
  const isFirst = createFirstOfMany(100, () => now);
  expect([isFirst("a"), isFirst("a"), isFirst("b")]).toEqual([true, false, true]);
  now = 99;
  expect(isFirst("a")).toBe(false);
  now = 100;
  expect([isFirst("a"), isFirst("a")]).toEqual([true, false]);
});

test("of any number of different texts only the latest are remembered", () => {
  const isFirst = createFirstOfMany(100, () => 0);
  for (let n = 0; n < 5000; n++) expect(isFirst(String(n))).toBe(true);
  expect([isFirst("4999"), isFirst("0")]).toEqual([false, true]);
});
