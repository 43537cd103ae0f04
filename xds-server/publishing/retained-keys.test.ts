import { expect, test } from "vitest";
import type { ProcessStatus } from "../../rollout/process-status.ts";
import { sampleHeld, sampleStatus } from "../../rollout/testing.ts";
import type { ObjectiveRoutes } from "../routing/routing-table.ts";
import { createRetainedKeys, type Form, onlyRetained, withRetained } from "./retained-keys.ts";

function routesOf(...keys: readonly string[]): ObjectiveRoutes {
  const versions = keys.map((routingKey) => ({ routingKey, shadows: [{}] }));
  return { versions, fallback: versions[0] ?? null } as unknown as ObjectiveRoutes;
}

const form = (keys: readonly string[], ttlMs = 0): Form => ({ routes: routesOf(...keys), ttlMs });

function retained() {
  let nowMs = 0;
  const made = createRetainedKeys({ graceMs: 1000, now: () => nowMs });
  const keys = () => made.of("a").map(({ routingKey }) => routingKey);
  return {
    ...made,
    keys,
    /** The keys that are left after so long, during which these resolvers reported. */
    after: (durationMs: number, ...resolvers: readonly ProcessStatus[]) => {
      made.release(resolvers);
      nowMs += durationMs;
      made.release(resolvers);
      return keys();
    },
    pass: (durationMs: number) => {
      nowMs += durationMs;
    },
  };
}

const resolver = (watermark: number, more = {}) => sampleStatus("resolver", "r1", watermark, more);

test("a key stays until every resolver has moved on, and its answers and the grace have run out", () => {
  const { change, keys, release, pass } = retained();
  change("a", form(["1", "2"], 5000), form(["2", "3"], 5000), 7);
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

test("a resolver that comes back with an older form is waited for anew, with the answers that it gave", () => {
  const { change, after } = retained();
  change("a", form(["1"], 5000), form(["2"], 5000), 7);
  expect(after(5999, resolver(7))).toEqual(["1"]);
  const restarted = { ...resolver(6), id: "r2" };
  expect(after(60_000, resolver(7), restarted)).toEqual(["1"]);
  expect(after(5999, resolver(7), resolver(8))).toEqual(["1"]);
  expect(after(1, resolver(7), resolver(8))).toEqual([]);
});

test("a key stays for as long as the longest answer with it lives, also when newer forms lowered that time", () => {
  const { change, after, count } = retained();
  change("a", form(["1", "2"], 60_000), form(["1", "2"], 0), 7);
  expect(count()).toBe(0);
  expect(after(10_000, resolver(7))).toEqual([]);
  change("a", form(["1", "2"], 0), form(["2"], 0), 8);
  expect(after(60_999, resolver(8))).toEqual(["1"]);
  expect(after(1, resolver(8))).toEqual([]);
});

test("so does one that was away meanwhile", () => {
  const { change, keys, after } = retained();
  change("a", form(["1"], 60_000), form(["2"], 0), 7);
  change("a", form(["2"], 0), form(["1"], 0), 8);
  change("a", form(["1"], 0), null, 9);
  expect(keys().sort()).toEqual(["1", "2"]);
  expect(after(1000, resolver(9))).toEqual(["1"]);
  expect(after(60_000, resolver(9))).toEqual([]);
});

test("of answers that ran out, or live as long as those of the newest form, nothing is kept or told", () => {
  const { change, all, release, pass } = retained();
  change("a", form(["1"], 5000), form(["1"], 5000), 7);
  expect(all().size).toBe(0);
  change("a", form(["1"], 5000), form(["1"], 0), 8);
  change("a", form(["1"], 0), form(["1"], 0), 9);
  release([resolver(9)]);
  pass(6000);
  expect(release([resolver(9)])).toEqual({ objectives: [], abandoned: 0 });
  expect(all().size).toBe(0);
});

test("a key that comes back is no former one any more", () => {
  const { change, keys } = retained();
  change("a", form(["1"]), form(["2"]), 7);
  change("a", form(["2"]), form(["1"]), 8);
  expect(keys()).toEqual(["2"]);
});

test("a key that leaves although a resolver that is cut off may use it is counted", () => {
  const { change, release, pass } = retained();
  change("a", form(["1"]), null, 7);
  const cutOff = resolver(6);
  expect(release([], [cutOff]).objectives).toEqual([]);
  pass(1000);
  expect(release([], [cutOff])).toEqual({ objectives: ["a"], abandoned: 1 });
});

test("what was written down is there again", () => {
  const { change, all } = retained();
  change("a", form(["1"]), null, 7);
  const next = retained();
  next.restore(all());
  expect(next.keys()).toEqual(["1"]);
});

test("former routes are served besides the newest, or alone, without copies to shadows", () => {
  const { change, of } = retained();
  change("a", form(["1", "3"]), form(["2"]), 7);
  const keysOf = ({ versions }: ObjectiveRoutes) => versions.map(({ routingKey }) => routingKey);
  expect(keysOf(withRetained(routesOf("2"), of("a")))).toEqual(["1", "2", "3"]);
  expect(keysOf(onlyRetained(routesOf("1", "3"), of("a")))).toEqual(["1", "3"]);
  expect(of("a").flatMap(({ shadows }) => shadows)).toEqual([]);
});
