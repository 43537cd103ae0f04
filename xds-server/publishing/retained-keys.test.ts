import { expect, test } from "vitest";
import { sampleHeld, sampleStatus } from "../../rollout/testing.ts";
import type { ObjectiveRoutes } from "../routing/routing-table.ts";
import { createRetainedKeys, onlyRetained, withRetained } from "./retained-keys.ts";

function routesOf(...keys: readonly string[]): ObjectiveRoutes {
  const versions = keys.map((routingKey) => ({ routingKey, shadows: [{}] }));
  return { versions, fallback: versions[0] ?? null } as unknown as ObjectiveRoutes;
}

function retained() {
  let nowMs = 0;
  const made = createRetainedKeys({ graceMs: 1000, now: () => nowMs });
  const keys = () => made.of("a").map(({ routingKey }) => routingKey);
  return {
    ...made,
    keys,
    pass: (durationMs: number) => {
      nowMs += durationMs;
    },
  };
}

const resolver = (watermark: number, more = {}) => sampleStatus("resolver", "r1", watermark, more);

test("a key stays until every resolver has moved on, and its answers and the grace have run out", () => {
  const { change, keys, release, pass } = retained();
  change("a", { routes: routesOf("1", "2"), ttlMs: 5000 }, routesOf("2", "3"), 7);
  expect(keys()).toEqual(["1"]);
  pass(60_000);
  expect(release([resolver(6)])).toEqual({ objectives: [], abandoned: 0 });
  expect(release([resolver(7), { ...resolver(7, { held: [sampleHeld("a", 6, 7)] }), id: "r2" }]).objectives).toEqual(
    [],
  );
  expect(release([resolver(7)]).objectives).toEqual([]);
  pass(5999);
  expect(release([resolver(7)]).objectives).toEqual([]);
  pass(1);
  expect(release([resolver(7)])).toEqual({ objectives: ["a"], abandoned: 0 });
  expect(keys()).toEqual([]);
});

test("a key that comes back is no former one any more", () => {
  const { change, keys } = retained();
  change("a", { routes: routesOf("1"), ttlMs: 0 }, routesOf("2"), 7);
  change("a", { routes: routesOf("2"), ttlMs: 0 }, routesOf("1"), 8);
  expect(keys()).toEqual(["2"]);
});

test("a key that leaves although a resolver that is cut off may use it is counted", () => {
  const { change, release, pass } = retained();
  change("a", { routes: routesOf("1"), ttlMs: 0 }, null, 7);
  const cutOff = resolver(6);
  expect(release([], [cutOff]).objectives).toEqual([]);
  pass(1000);
  expect(release([], [cutOff])).toEqual({ objectives: ["a"], abandoned: 1 });
});

test("what was written down is there again", () => {
  const { change, all } = retained();
  change("a", { routes: routesOf("1"), ttlMs: 0 }, null, 7);
  const next = retained();
  next.restore(all());
  expect(next.keys()).toEqual(["1"]);
});

test("former routes are served besides the newest, or alone, without copies to shadows", () => {
  const { change, of } = retained();
  change("a", { routes: routesOf("1", "3"), ttlMs: 0 }, routesOf("2"), 7);
  const keysOf = ({ versions }: ObjectiveRoutes) => versions.map(({ routingKey }) => routingKey);
  expect(keysOf(withRetained(routesOf("2"), of("a")))).toEqual(["1", "2", "3"]);
  expect(keysOf(onlyRetained(routesOf("1", "3"), of("a")))).toEqual(["1", "3"]);
  expect(of("a").flatMap(({ shadows }) => shadows)).toEqual([]);
});
