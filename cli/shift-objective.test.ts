import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { apiVersion } from "../config/documents/common.ts";
import { type Objective, objectiveSchema, type Rule } from "../config/documents/objective.ts";
import { shiftObjective } from "./shift-objective.ts";

const objective = (rules: readonly unknown[]): Objective =>
  objectiveSchema.parse({
    apiVersion,
    kind: "Objective",
    metadata: { name: "ranking" },
    spec: { default: { model: "ranker", version: "7" }, rules },
  });
const canary = (stable: number, share: number) => ({
  name: "canary",
  split: {
    salt: "exp-1",
    variants: [
      { name: "stable", weight: stable, model: "ranker", version: "7" },
      { name: "canary", weight: share, model: "ranker", version: "8" },
    ],
  },
});
const weights = (rule: Rule | undefined) =>
  Object.fromEntries((rule?.split?.variants ?? []).map(({ name, weight }) => [name, weight]));

describe("shifting an objective", () => {
  test("edits the split of the first rule without a condition and keeps its salt", () => {
    const before = objective([
      { name: "kiosk", when: { device: "kiosk" }, serve: { model: "ranker", version: "8" } },
      canary(90, 10),
    ]);
    const after = shiftObjective(before, { model: "ranker", version: "8", percent: 25 });
    expect(after.spec.rules[0]).toEqual(before.spec.rules[0]);
    expect(weights(after.spec.rules[1])).toEqual({ stable: 75, canary: 25 });
    expect(after.spec.rules[1]?.split?.salt).toBe("exp-1");
  });

  test("adds a rule at the end, against the default, when every rule has a condition", () => {
    const after = shiftObjective(objective([]), { model: "ranker", version: "8", percent: 5 });
    expect(after.spec.rules.map(({ name }) => name)).toEqual(["shift"]);
    expect(weights(after.spec.rules[0])).toEqual({ "ranker-7": 95, "ranker-8": 5 });
  });

  test("turns a rule that serves one version into a split with it", () => {
    const before = objective([{ name: "all", serve: { model: "ranker", version: "8" } }]);
    const after = shiftObjective(before, { model: "ranker", version: "9", percent: 10 });
    expect(weights(after.spec.rules[0])).toEqual({ "ranker-8": 90, "ranker-9": 10 });
    expect(after.spec.rules[0]?.serve).toBeUndefined();
  });

  test("gives the rest to the default when no other variant has a weight", () => {
    const after = shiftObjective(objective([canary(0, 100)]), { model: "ranker", version: "8", percent: 60 });
    expect(weights(after.spec.rules[0])).toEqual({ stable: 40, canary: 60 });
  });

  test("counts all variants of the version together, and keeps their proportions", () => {
    const variants = [
      { name: "small", weight: 30, model: "ranker", version: "8", parameters: { k: 1 } },
      { name: "large", weight: 10, model: "ranker", version: "8", parameters: { k: 2 } },
      { name: "stable", weight: 60, model: "ranker", version: "7" },
    ];
    const before = objective([{ name: "all", split: { variants } }]);
    const after = shiftObjective(before, { model: "ranker", version: "8", percent: 20 });
    expect(weights(after.spec.rules[0])).toEqual({ small: 15, large: 5, stable: 80 });
  });

  test("refuses to take the default's last share away from nobody", () => {
    const before = objective([canary(100, 0)]);
    expect(() => shiftObjective(before, { model: "ranker", version: "7", percent: 60 })).toThrow("would go nowhere");
  });

  test("refuses a rule that does not exist and names those that do", () => {
    expect(() =>
      shiftObjective(objective([canary(90, 10)]), { model: "ranker", version: "8", percent: 1 }, "beta"),
    ).toThrow('it has no rule "beta"; its rules are: canary');
  });

  test("always gives the version its share, and the others their proportions in the rest", () => {
    const positive = fc.integer({ min: 1, max: 1000 });
    fc.assert(
      fc.property(positive, positive, positive, fc.integer({ min: 0, max: 100 }), (a, b, c, percent) => {
        const variants = [a, b, c].map((weight, index) => ({
          name: `v${index}`,
          weight,
          model: "ranker",
          version: String(index),
        }));
        const after = shiftObjective(objective([{ name: "all", split: { variants } }]), {
          model: "ranker",
          version: "1",
          percent,
        });
        const { v0 = 0, v1 = 0, v2 = 0 } = weights(after.spec.rules[0]) as Record<string, number>;
        expect(v1).toBe(percent);
        expect(v0 + v1 + v2).toBeCloseTo(100, 4);
        if (percent < 100) expect(v0 / (v0 + v2)).toBeCloseTo(a / (a + c), 4);
      }),
    );
  });
});
