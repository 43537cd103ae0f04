import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Condition } from "../config/documents/condition.ts";
import type { Experiment } from "../config/documents/experiment.ts";
import { modelSchema } from "../config/documents/model.ts";
import { type ObjectiveInput, objectiveSchema } from "../config/documents/objective.ts";
import { compileObjective } from "./compile.ts";
import type { Context } from "./context.ts";
import type { Override } from "./decision.ts";
import { explain } from "./explain.ts";
import { select } from "./select.ts";
import { SelectionError } from "./selection-error.ts";
import { condition, context } from "./testing/arbitraries.ts";
import { compiled, compileRules, experiment, model, objective } from "./testing/documents.ts";
import { slowlyMatches } from "./testing/slow-condition.ts";
import vectors from "./vectors/decisions.json" with { type: "json" };

describe("the golden vectors of decisions hold", () => {
  const [ranker, rankerTv, homepage] = vectors.documents;
  const subject = compileObjective({
    objective: objectiveSchema.parse(homepage),
    models: [modelSchema.parse(ranker), modelSchema.parse(rankerTv)],
    revision: vectors.revision,
  });
  test.each(vectors.cases)("$says: $context", ({ context: given, override, decision, error }) => {
    const decide = () => select(subject, given as Context, { override: override as Override | undefined });
    if (error) expect(decide).toThrow(expect.objectContaining({ code: error }));
    else expect(decide()).toEqual(decision);
  });
});

type Rules = NonNullable<ObjectiveInput["spec"]["rules"]>;
const serve = { model: "ranker", version: "2" };
const halves = {
  variants: [
    { name: "a", weight: 1, model: "ranker", version: "1" },
    { name: "b", weight: 1, model: "ranker", version: "2" },
  ],
};

test("a split without a salt is salted with namespace, objective and rule", () => {
  const unsalted = compiled({ rules: [{ name: "r", split: halves }] });
  const salted = compiled({ rules: [{ name: "r", split: { ...halves, salt: "default/test/r" } }] });
  const other = compiled({ rules: [{ name: "r", split: { ...halves, salt: "default/test/s" } }] });
  const variants = (subject: typeof unsalted) =>
    Array.from({ length: 200 }, (_, index) => select(subject, { userId: `u${index}` }).variant);
  expect(variants(salted)).toEqual(variants(unsalted));
  expect(variants(other)).not.toEqual(variants(unsalted));
});

test("the same context and revision give the same decision, compiled again or not", () => {
  const rules: Rules = [{ name: "r", split: halves }];
  fc.assert(
    fc.property(fc.string(), (userId) => {
      expect(select(compiled({ rules }), { userId })).toEqual(select(compiled({ rules }), { userId }));
    }),
  );
});

test("a change of a variant's model version or parameters moves no unit to another variant", () => {
  const before = compiled({ rules: [{ name: "r", split: halves }] });
  const variants = halves.variants.map((variant) => ({ ...variant, version: "3", parameters: { x: 1 } }));
  const after = compiled({ rules: [{ name: "r", split: { variants } }] });
  for (let unit = 0; unit < 500; unit += 1) {
    expect(select(after, { userId: unit }).variant).toBe(select(before, { userId: unit }).variant);
  }
});

test("a rule's parameters overlay those of the model version key by key", () => {
  const subject = compiled({ rules: [{ name: "r", serve: { ...serve, parameters: { of: "rule", more: [1] } } }] });
  expect(select(subject, {}).parameters).toEqual({ version: "2", of: "rule", more: [1] });
});

test("the default's own version has no fallback keys, every other has the default's", () => {
  const subject = compiled({ rules: [{ name: "r", when: { a: 1 }, serve }] });
  expect(select(subject, {}).fallbackKeys).toEqual([]);
  expect(select(subject, { a: 1 }).fallbackKeys).toEqual(["default/test/ranker@1"]);
});

test("a version that answers is not its own shadow", () => {
  const subject = compiled({
    rules: [{ name: "r", when: { a: 1 }, serve }],
    shadow: [
      { model: "ranker", version: "2", percent: 10 },
      { model: "other", version: "1", percent: 0.5 },
    ],
  });
  const other = { routingKey: "default/test/other@1", model: "other", version: "1", percent: 0.5 };
  const two = { routingKey: "default/test/ranker@2", model: "ranker", version: "2", percent: 10 };
  expect(select(subject, {}).shadows).toEqual([two, other]);
  expect(select(subject, { a: 1 }).shadows).toEqual([other]);
});

test("a split whose weights are all 0, which documents cannot have, is passed over and blames no unit", () => {
  const off = { variants: halves.variants.map((variant) => ({ ...variant, weight: 0 })) };
  const rules = [{ name: "off", split: off }];
  const subject = compileRules(rules);
  expect(select(subject, { userId: "u" })).toMatchObject({ rule: "default", reason: "default" });
  expect(select(subject, {})).toMatchObject({ rule: "default", reason: "unit_missing" });
});

describe("an override", () => {
  const subject = compiled({ rules: [{ name: "r", serve }] });

  test("reaches every version of every model that the objective names, and only those", () => {
    expect(select(subject, {}, { override: { version: "3" } })).toMatchObject({
      rule: "override",
      reason: "override",
      variant: null,
      routingKey: "default/test/ranker@3",
      parameters: { version: "3" },
    });
    const unknown = () => select(subject, {}, { override: { model: "other", version: "1" } });
    expect(unknown).toThrow(SelectionError);
    expect(unknown).toThrow("Objective default/test has no model version other@1; it has ranker@1, ranker@2, ranker@3");
  });

  test("may name a model that only a shadow names", () => {
    const shadowed = compiled({ shadow: [{ model: "other", version: "1", percent: 1 }] });
    const decision = select(shadowed, {}, { override: { model: "other", version: "1" } });
    expect(decision.routingKey).toBe("default/test/other@1");
  });

  test("of a model that objects inherit as a name is unknown, not an exception of another kind", () => {
    const override = { model: "constructor", version: "__proto__" };
    expect(() => select(subject, {}, { override })).toThrow(SelectionError);
  });
});

test("an objective that names a model version which is not given cannot be compiled", () => {
  const dangling = (spec: Partial<ObjectiveInput["spec"]>, experiments: readonly Experiment[] = []) => {
    return () =>
      compileObjective({ objective: objective(spec), models: [model("ranker", "1")], revision: 1, experiments });
  };
  expect(dangling({})).not.toThrow();
  expect(dangling({ rules: [{ name: "r", serve }] })).toThrow(
    "Objective default/test names ranker@2 (r), which is not among the models given",
  );
  expect(dangling({ rules: [{ name: "r", split: halves }] })).toThrow("names ranker@2 (r)");
  expect(dangling({ default: { model: "gone", version: "1" } })).toThrow(SelectionError);
  expect(dangling({}, [experiment("try-2")])).toThrow("names ranker@2 (try-2)");
});

test("a decision is made once, for every context with the same answer, whether a unit was missing or not", () => {
  const rules: Rules = [
    { name: "split", when: { a: 1 }, split: halves },
    { name: "serve", when: { b: 1 }, serve },
  ];
  const subject = compiled({ rules }, { experiments: [experiment("try-2", { when: { c: 1 } })] });
  const contexts: Context[] = [{ a: 1, userId: "1" }, { a: 1, b: 1 }, { b: 1 }, { a: 1 }, { c: 1, userId: "1" }, {}];
  const made = contexts.map((given) => select(subject, given));
  expect(new Set(made).size).toBe(contexts.length);
  expect(made.map(({ reason }) => reason)).toEqual([
    "rule",
    "unit_missing",
    "rule",
    "unit_missing",
    "experiment",
    "default",
  ]);
  for (const [index, given] of contexts.entries()) {
    expect(select(subject, given)).toBe(made[index]);
    expect(explain(subject, given).decision).toBe(made[index]);
  }
});

test("among many rules, the first that a slow interpreter finds decides", () => {
  const country = fc.nat(39).map((index) => `c${index}`);
  const when = fc.oneof(
    { weight: 8, arbitrary: fc.record({ country, a: fc.constantFrom("ab", 0, true) }, { requiredKeys: ["country"] }) },
    {
      weight: 2,
      arbitrary: fc.record({ country: fc.record({ in: fc.array(country, { minLength: 1, maxLength: 3 }) }) }),
    },
    { weight: 1, arbitrary: fc.tuple(condition, country).map(([rest, name]) => ({ ...rest, country: name })) },
    { weight: 1, arbitrary: fc.record({ and: fc.tuple(condition, condition), b: fc.nat(9) }) },
  ) as fc.Arbitrary<Condition>;
  const visitor = fc.tuple(context, country).map(([rest, name]) => ({ ...rest, country: name }));
  const decidedBy = new Set<string>();
  fc.assert(
    fc.property(
      fc.array(when, { minLength: 8, maxLength: 80, size: "max" }),
      fc.array(visitor, { minLength: 10, maxLength: 10 }),
      (conditions, contexts) => {
        const rules = conditions.map((each, index) => ({ name: `r${index}`, when: each, serve }));
        const subject = compileRules(rules);
        for (const given of contexts) {
          const expected = rules.find((rule) => slowlyMatches(rule.when, given))?.name ?? "default";
          decidedBy.add(expected);
          if (select(subject, given as Context).rule !== expected) return false;
        }
        return true;
      },
    ),
    { numRuns: 200 },
  );
  expect(decidedBy.size).toBeGreaterThan(50);
});

test("select answers for any JSON, taken as a context as it is, and never throws", () => {
  const jsonObject = fc.oneof(context, fc.dictionary(fc.string(), fc.jsonValue()), fc.array(fc.jsonValue()));
  fc.assert(
    fc.property(fc.array(condition, { maxLength: 12 }), jsonObject, (conditions, given) => {
      const rules = conditions.map((when, index) => ({ name: `r${index}`, when, split: halves }));
      const subject = compileRules(rules);
      return select(subject, given as Context).routingKey.startsWith("default/test/ranker@");
    }),
  );
});
