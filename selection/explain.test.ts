import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Context } from "./context.ts";
import { explain } from "./explain.ts";
import { select } from "./select.ts";
import { condition, context } from "./testing/arbitraries.ts";
import { compiled, compileRules } from "./testing/documents.ts";

const split = {
  salt: "exp-1",
  variants: [
    { name: "off", weight: 0, model: "ranker", version: "3" },
    { name: "control", weight: 50, model: "ranker", version: "1" },
    { name: "treatment", weight: 50, model: "ranker", version: "2" },
  ],
};
const serve = { model: "ranker", version: "2" };
const subject = compiled({
  rules: [
    { name: "us", when: { country: "US", device: { in: ["tv", "console"] } }, split },
    { name: "adults", when: { age: { gte: 18 } }, serve },
    { name: "rest", split: { variants: [{ name: "all", weight: 1, model: "ranker", version: "3" }] } },
  ],
});

function whyOf(when: unknown, given: Context) {
  return explain(compiled({ rules: [{ name: "r", when: when as never, serve }] }), given).rules[0]?.why;
}

test("every rule says whether it matched and by which terms, those after the deciding one too", () => {
  const { decision, rules } = explain(subject, { userId: "u", country: "DE", device: "tv", age: 20 });
  expect(decision.rule).toBe("adults");
  expect(rules.map(({ rule, outcome, matches, why }) => ({ rule, outcome, matches, why }))).toEqual([
    { rule: "us", outcome: "not_matched", matches: false, why: ['country: found "DE", wanted "US"'] },
    { rule: "adults", outcome: "chosen", matches: true, why: ["age: found 20, wanted >= 18"] },
    { rule: "rest", outcome: "not_reached", matches: true, why: ["no condition: always matches"] },
  ]);
});

test("a split shows the unit's bucket and how every arm fared", () => {
  const { unit, rules, decision } = explain(subject, { userId: "u", country: "US", device: "tv" });
  const arms = rules[0]?.split?.arms ?? [];
  expect(unit).toEqual({ attribute: "userId", value: "u" });
  expect(rules[0]?.split).toMatchObject({ salt: "exp-1", bucket: expect.any(Number) });
  expect(arms.map(({ variant, weight, score }) => [variant, weight, typeof score])).toEqual([
    ["off", 0, "object"],
    ["control", 50, "number"],
    ["treatment", 50, "number"],
  ]);
  expect(arms.filter((arm) => arm.chosen).map((arm) => arm.variant)).toEqual([decision.variant]);
  expect(arms[2]).toMatchObject({ model: "ranker", version: "2" });
});

test("a split without a unit is passed over, and says what the unit is", () => {
  const { decision, unit, rules } = explain(subject, { userId: "", country: "US", device: "tv" });
  expect(decision).toMatchObject({ rule: "default", reason: "unit_missing" });
  expect(unit).toEqual({ attribute: "userId", value: null });
  expect(rules[0]).toMatchObject({ outcome: "passed_over", matches: true, split: null });
  expect(rules[0]?.why.at(-1)).toBe(
    "the split needs a unit, and userId is missing, empty, or neither a string nor a number",
  );
});

test("an override leaves every rule unreached, and still says what each would have found", () => {
  const { decision, rules } = explain(subject, { age: 20 }, { override: { version: "3" } });
  expect(decision.reason).toBe("override");
  expect(rules.map(({ outcome, matches }) => [outcome, matches])).toEqual([
    ["not_reached", false],
    ["not_reached", true],
    ["not_reached", true],
  ]);
});

describe("terms in words", () => {
  test.each([
    [{ a: 1 }, {}, "a: missing, wanted 1"],
    [{ a: { ne: "x" } }, { a: "x" }, 'a: found "x", wanted a string other than "x"'],
    [{ a: { in: ["x", 1] } }, { a: true }, 'a: found true, wanted one of ["x", 1]'],
    [{ a: { notIn: ["x"] } }, { a: "x" }, 'a: found "x", wanted none of ["x"]'],
    [{ a: { lt: 1 } }, { a: 1 }, "a: found 1, wanted < 1"],
    [{ a: { lte: 1 } }, { a: 2 }, "a: found 2, wanted <= 1"],
    [{ a: { gt: 1 } }, { a: 1 }, "a: found 1, wanted > 1"],
    [{ a: { startsWith: "x" } }, { a: "y" }, 'a: found "y", wanted to start with "x"'],
    [{ a: { endsWith: "x" } }, { a: "y" }, 'a: found "y", wanted to end with "x"'],
    [{ a: { contains: "x" } }, { a: ["y"] }, 'a: found ["y"], wanted to contain "x"'],
    [{ a: { semver: ">=2" } }, { a: "1.0.0" }, 'a: found "1.0.0", wanted a version in ">=2"'],
    [{ a: { matches: "^x" } }, { a: "y" }, 'a: found "y", wanted to match "^x"'],
    [{ a: { exists: true } }, {}, "a: missing, wanted to be present"],
    [{ a: { exists: false } }, { a: 1 }, "a: found 1, wanted to be absent"],
    [
      { or: [{ a: 1 }, { b: 2, c: 3 }] },
      { b: 2 },
      "none of 2 alternatives holds: (a: missing, wanted 1) or (c: missing, wanted 3)",
    ],
    [{ not: { a: 1 } }, { a: 1 }, "not: the condition inside holds (a: found 1, wanted 1)"],
    [{ not: { a: 1 } }, {}, "not: the condition inside does not hold (a: missing, wanted 1)"],
  ])("%j of %j", (when, given, expected) => {
    expect(whyOf(when, given as Context)).toEqual([expected]);
  });

  test("long lists and texts are cut short", () => {
    const countries = Array.from({ length: 10_000 }, (_, index) => `c${index}`);
    const [why = ""] = whyOf({ a: { in: countries } }, { a: "x".repeat(5000) }) ?? [];
    expect(why).toContain("… (5000 characters)");
    expect(why).toContain("and 9990 more");
    expect(why.length).toBeLessThan(400);
  });
});

test("an explanation never disagrees with the decision", () => {
  fc.assert(
    fc.property(
      fc.array(condition, { maxLength: 10 }),
      context,
      fc.option(fc.string()),
      (conditions, given, userId) => {
        const rules = conditions.map((when, index) => ({
          name: `r${index}`,
          when,
          ...(index % 2 ? { split } : { serve }),
        }));
        const objective = compileRules(rules);
        const full = { ...given, ...(userId === null ? {} : { userId }) } as Context;
        const explanation = explain(objective, full);
        const chosen = explanation.rules.find((rule) => rule.outcome === "chosen");
        expect(explanation.decision).toEqual(select(objective, full));
        expect(chosen?.rule ?? "default").toBe(explanation.decision.rule);
        const arm = chosen?.split?.arms.find((candidate) => candidate.chosen);
        if (explanation.decision.variant !== null) expect(arm?.variant).toBe(explanation.decision.variant);
      },
    ),
    { numRuns: 300 },
  );
});
