import { expect, test } from "vitest";
import type { Rule } from "../config/documents/objective.ts";
import { compiled, compileRules, experiment } from "../selection/testing/documents.ts";
import { attributesFor, segmentsOf } from "./segments.ts";

const serve = { model: "ranker", version: "2" };
const rules = (...conditions: NonNullable<Rule["when"]>[]): Rule[] =>
  conditions.map((when, index) => ({ name: `rule-${index}`, when, serve }));

const findable: NonNullable<Rule["when"]>[] = [
  { device: "tv" },
  { device: { ne: "tv" } },
  { device: { in: ["tv", "console"] }, country: { notIn: ["US", "CA"] } },
  { age: { gt: 18, lte: 30 } },
  { age: { gte: 18 }, score: { lt: 0.5 } },
  { app: { semver: ">=2.1.0 <3" } },
  { device: { matches: "^(tv|console)-\\d+$" } },
  { email: { endsWith: "@example.com" } },
  { path: { startsWith: "/home" }, tags: { contains: "beta" } },
  { debug: true, user: { exists: true } },
  { debug: { exists: false } },
  { not: { device: "tv" } },
  { or: [{ device: "tv" }, { and: [{ country: "US" }, { age: { gte: 65 } }] }] },
];
for (const condition of findable) {
  test(`finds attributes for ${JSON.stringify(condition)}`, () => {
    expect(attributesFor(compileRules(rules(condition)), 0)).not.toBeNull();
  });
}

test("finds attributes that an earlier rule lets through", () => {
  const given = compileRules(rules({ country: "US" }, { device: "tv" }, { age: { gte: 18 }, device: "tv" }));
  expect(attributesFor(given, 1)).toMatchObject({ device: "tv" });
  expect(attributesFor(given, 1)).not.toMatchObject({ country: "US" });
  expect(attributesFor(given, 2)).toBeNull();
});

test("finds attributes of a rule for those outside of an experiment that would take them", () => {
  const given = compiled({ rules: rules({ device: "tv" }) }, { experiments: [experiment("all")] });
  expect(attributesFor(given, 0)).toEqual({ device: "tv" });
});

test("gives up where no attributes will do, and says so", () => {
  const [everybody, impossible] = segmentsOf(compileRules(rules({ age: { gt: 10, lt: 5 } })));
  expect(everybody).toEqual({ rule: null, attributes: {} });
  expect(impossible).toEqual({ rule: "rule-0", attributes: null });
});

test("searches a fixed number of combinations, however many attributes a condition has", () => {
  const many = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`attribute${index}`, { in: ["x", "y"] }]));
  expect(attributesFor(compileRules(rules(many)), 0)).toMatchObject({ attribute0: "x", attribute39: "x" });
});
