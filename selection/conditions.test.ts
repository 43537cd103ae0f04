import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Condition, condition as conditionSchema } from "../config/documents/condition.ts";
import { compileCondition, parseCondition } from "./conditions.ts";
import type { Context } from "./context.ts";
import { explainCondition } from "./explain-condition.ts";
import { condition, context } from "./testing/arbitraries.ts";
import { slowlyMatches } from "./testing/slow-condition.ts";
import vectors from "./vectors/conditions.json" with { type: "json" };

function matches(when: unknown, given: unknown): boolean {
  return compileCondition(parseCondition(when as Condition))(given as Context);
}

describe("the golden vectors of conditions hold", () => {
  test.each(vectors.cases)("$says: $condition of $context is $matches", (vector) => {
    expect(matches(vector.condition, vector.context)).toBe(vector.matches);
    expect(conditionSchema.parse(vector.condition)).toEqual(vector.condition);
    expect(
      slowlyKnown(vector.condition) ? slowlyMatches(vector.condition as Condition, vector.context) : vector.matches,
    ).toBe(vector.matches);
  });
});

/** The slow interpreter knows neither flags in patterns nor version ranges beyond `>=`. */
function slowlyKnown(when: unknown): boolean {
  return !/\(\?i\)|"semver"/.test(JSON.stringify(when));
}

test("the order of the fields of a condition and of its operators changes nothing about what is made of it", () => {
  const parsed = [
    { not: { b: 1 }, or: [{ c: 1 }], and: [{ d: 1 }], age: { lt: 65, gte: 18 } },
    { age: { gte: 18, lt: 65 }, and: [{ d: 1 }], not: { b: 1 }, or: [{ c: 1 }] },
  ].map((condition) => parseCondition(condition as Condition));
  const written = parsed.map((node) => JSON.stringify(node));
  expect(written[1]).toBe(written[0]);
});

test("a compiled condition agrees with the slow interpreter", () => {
  let held = 0;
  fc.assert(
    fc.property(condition, context, (when, given) => {
      const expected = slowlyMatches(when, given);
      held += expected ? 1 : 0;
      return matches(when, given) === expected;
    }),
    { numRuns: 3000 },
  );
  expect(held).toBeGreaterThan(300);
});

test("an explanation agrees with the compiled condition and names at least one term", () => {
  fc.assert(
    fc.property(condition, context, (when, given) => {
      const explanation = explainCondition(parseCondition(when), given as Context);
      expect(explanation.holds).toBe(matches(when, given));
      expect(explanation.why.length).toBeGreaterThan(0);
    }),
    { numRuns: 1000 },
  );
});

test("equal conditions are one, and so are equal parts of others", () => {
  const both = parseCondition({ country: "US", device: { in: ["tv", "phone"] } });
  expect(parseCondition({ country: { eq: "US" }, device: { in: ["tv", "phone"] } })).not.toBe(both);
  expect(parseCondition({ country: "US", device: { in: ["tv", "phone"] } })).toBe(both);
  expect(both).toMatchObject({ kind: "all" });
  const [country] = both.kind === "all" ? both.nodes : [];
  expect(parseCondition({ country: "US" })).toBe(country);
  expect(compileCondition(parseCondition({ country: "US" }))).toBe(compileCondition(country as typeof both));
});

test("conditions that ask for an audience are not shared: it may have changed", () => {
  const audiences = (members: string) => () => ({ has: (text: string) => members.includes(text), size: 1 });
  const asks = (members: string) =>
    compileCondition(parseCondition({ not: { userId: { inAudience: "vip" } } }, audiences(members)));
  expect(asks("a")({ userId: "a" })).toBe(false);
  expect(asks("b")({ userId: "a" })).toBe(true);
});

test("a condition on a number is false of NaN, ne and exists included", () => {
  expect(matches({ n: { ne: 1 } }, { n: Number.NaN })).toBe(false);
  expect(matches({ n: { notIn: [1] } }, { n: Number.NaN })).toBe(false);
  expect(matches({ n: { exists: true } }, { n: Number.NaN })).toBe(false);
});

test("a pattern that would make other engines backtrack answers at once", () => {
  expect(matches({ s: { matches: "^(a+)+$" } }, { s: `${"a".repeat(50_000)}!` })).toBe(false);
});

test("a pattern that is none is refused, not ignored", () => {
  expect(() => matches({ s: { matches: "(" } }, {})).toThrow();
});
