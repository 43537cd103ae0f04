import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { createWeakPool } from "./weak-pool.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

test("a value is made once for each key", () => {
  const pool = createWeakPool<{ readonly key: string }>();
  const values = ["a", "b", "a"].map((key) => pool.get(key, () => ({ key })));
  expect(values[2]).toBe(values[0]);
  expect(values.map(({ key }) => key)).toEqual(["a", "b", "a"]);
});

test("keys whose values nobody holds are forgotten; those of the others are not", async () => {
  const pool = createWeakPool<object>();
  const make = () => ({});
  const held = Array.from({ length: 100 }, (_, index) => pool.get(`held-${index}`, make));
  for (const round of [1, 2, 3, 4]) {
    for (let index = 0; index < 10_000; index += 1) pool.get(`${round}-${index}`, make);
    await setImmediate();
    collectGarbage();
  }
  expect(pool.size()).toBeLessThan(30_000);
  expect(held.every((value, index) => pool.get(`held-${index}`, make) === value)).toBe(true);
});
