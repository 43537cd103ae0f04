import { describe, expect, test } from "vitest";
import { documentsAfter, type ProposedChange } from "./documents-after.ts";
import { planChange, startPlan } from "./plan.ts";
import { liveOf, planned, ranker, ranking, shard, split } from "./testing/documents.ts";

const both = ranker({ "7": ["a"], "8": ["b"] });
const canary = (percent: number, more: object = {}) =>
  ranking({ rules: [{ name: "canary", split: split(100 - percent, percent) }], ...more });
const before = liveOf(shard("a"), shard("b"), both, canary(5));
const planOf = (change: Partial<ProposedChange>, live = before) =>
  planChange(live, documentsAfter(live, { documents: [], deleted: [], ...change }), { nowMs: 0 });

describe("a plan", () => {
  test("of what is live already is empty", () => {
    expect(planOf({ documents: [canary(5)] })).toEqual({ revision: 4, objectives: [], shards: [] });
  });

  test("tells the share of units that a weight moves, from which version to which, and in that direction only", () => {
    const [objective] = planOf({ documents: [canary(10)] }).objectives;
    expect(objective).toMatchObject({ objective: "default/ranking", change: "changed" });
    expect(objective?.keys).toEqual({ added: [], removed: [], moved: [], kept: 2 });
    const [movement] = objective?.movements ?? [];
    expect(movement).toMatchObject({ segment: { rule: null }, contexts: 10_000 });
    expect(movement?.moves).toHaveLength(1);
    expect(movement?.moves[0]).toMatchObject({ from: "ranker@7", to: "ranker@8" });
    const { percent = 0, marginPercent = 0 } = movement?.moved ?? {};
    expect(Math.abs(percent - 5)).toBeLessThan(3 * marginPercent);
    expect(marginPercent).toBeLessThan(1);
  });

  test("looks at each conditional rule by itself, with attributes that it decides", () => {
    const rules = (weight: number) => [
      {
        name: "tv",
        when: { device: { in: ["tv", "console"] }, build: { gte: 7 } },
        split: split(100 - weight, weight),
      },
      { name: "rest", split: split(100, 0) },
    ];
    const live = liveOf(shard("a"), shard("b"), both, ranking({ rules: rules(0) }));
    const [objective] = planOf({ documents: [ranking({ rules: rules(50) })] }, live).objectives;
    expect(objective?.movements.map(({ segment, moved }) => [segment, Math.round(moved.percent / 10)])).toEqual([
      [{ rule: null, attributes: {} }, 0],
      [{ rule: "tv", attributes: { device: "tv", build: 8 } }, 5],
    ]);
  });

  test("looks at each conditional experiment by itself, and finds rules for those outside of it", () => {
    const rule = { name: "tv", when: { device: "tv" }, serve: { model: "ranker", version: "7" } };
    const live = liveOf(shard("a"), shard("b"), both, ranking({ rules: [rule] }));
    const arms = { control: { model: "ranker", version: "7" }, treatment: { model: "ranker", version: "8" } };
    const experiment = planned("Experiment", "in-us", {
      unit: "accountId",
      when: { country: "US" },
      arms: [{ name: "control" }, { name: "treatment" }],
      targets: [{ objective: "ranking", arms }],
    });
    const [objective] = planOf({ documents: [experiment] }, live).objectives;
    expect(objective?.movements.map(({ segment, moved }) => [segment, Math.round(moved.percent / 10)])).toEqual([
      [{ rule: null, attributes: {} }, 0],
      [{ rule: "tv", attributes: { device: "tv" } }, 0],
      [{ rule: "in-us", attributes: { country: "US" } }, 5],
    ]);
  });

  test("names the keys that go, and what becomes of requests that still carry them", () => {
    const live = liveOf(shard("a"), shard("b"), both, ranking({ policy: { ttlMs: 3000 } }));
    const only7 = { documents: [ranker({ "7": ["a"] })] };
    expect(planOf(only7, live).objectives[0]?.keys.removed).toEqual([
      { key: "default/ranking/ranker@8", answeredBy: "default/ranking/ranker@7", ttlMs: 3000 },
    ]);
    const strict = liveOf(shard("a"), shard("b"), both, ranking({ policy: { onUnknownKey: "reject" } }));
    expect(planOf(only7, strict).objectives[0]?.keys.removed[0]).toMatchObject({ answeredBy: null });
    const gone = planOf({ deleted: [{ kind: "Objective", namespace: "default", name: "ranking" }] }, live);
    expect(gone.objectives[0]).toMatchObject({ change: "removed", keys: { added: [], kept: 0 } });
    expect(gone.objectives[0]?.keys.removed.map(({ answeredBy }) => answeredBy)).toEqual([null, null]);
    expect(gone.objectives[0]?.movements[0]?.moves[0]).toMatchObject({ from: "ranker@7", to: null, percent: 100 });
  });

  test("names the keys that move between shards, and counts the keys of each shard; no unit changes its version", () => {
    const { objectives, shards } = planOf({ documents: [ranker({ "7": ["a"], "8": ["a", "b"] })] });
    expect(objectives[0]?.keys).toMatchObject({ added: [], removed: [], kept: 1 });
    expect(objectives[0]?.keys.moved).toEqual([
      {
        key: "default/ranking/ranker@8",
        before: [{ shard: "default/b", weight: 100 }],
        after: [
          { shard: "default/a", weight: 100 },
          { shard: "default/b", weight: 100 },
        ],
      },
    ]);
    expect(objectives[0]?.movements).toEqual([]);
    expect(shards).toEqual([{ shard: "default/a", change: "unchanged", fields: [], keysBefore: 1, keysAfter: 2 }]);
  });

  test("touches every objective that depends on a changed shard, and says which fields of the shard change", () => {
    const { objectives, shards } = planOf({ documents: [shard("b", 81)] });
    expect(objectives.map(({ objective, keys }) => [objective, keys.kept])).toEqual([["default/ranking", 2]]);
    expect(shards).toMatchObject([{ shard: "default/b", change: "changed", keysBefore: 1, keysAfter: 1 }]);
    expect(shards[0]?.fields).toHaveLength(2);
  });

  test("counts given contexts instead of made-up units, those of other objectives left out", () => {
    const after = documentsAfter(before, { documents: [canary(100)], deleted: [] });
    const planning = startPlan(before, after, { nowMs: 0 });
    for (let user = 0; user < 40; user++) planning.add({ userId: `u${user}` });
    planning.add({ userId: "u0" }, "default/another");
    const [movement] = planning.finish().objectives[0]?.movements ?? [];
    expect(movement).toMatchObject({ segment: "contexts", contexts: 40 });
    expect(movement?.after).toMatchObject([{ rule: "canary", variant: "canary", version: "ranker@8", count: 40 }]);
  });

  test("of thousands of objectives stays within seconds by taking fewer units for each", () => {
    const names = Array.from({ length: 600 }, (_, index) => `o-${index}`);
    const all = (percent: number) =>
      names.map((name) => ranking({ rules: [{ name: "canary", split: split(100 - percent, percent) }] }, name));
    const live = liveOf(shard("a"), shard("b"), both, ...all(0));
    const { objectives } = planOf({ documents: all(100) }, live);
    expect(objectives).toHaveLength(600);
    for (const { movements } of objectives) {
      expect(movements[0]?.contexts).toBeGreaterThanOrEqual(500);
      expect(movements[0]?.contexts).toBeLessThan(10_000);
      expect(movements[0]?.moved.percent).toBe(100);
    }
  }, 60_000);
});
