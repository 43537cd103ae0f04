import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ExperimentInput, experimentSchema } from "../config/documents/experiment.ts";
import { holdoutSchema } from "../config/documents/holdout.ts";
import { compileObjective } from "./compile.ts";
import { type Context, parseContext } from "./context.ts";
import { explain } from "./explain.ts";
import { select } from "./select.ts";
import { condition } from "./testing/arbitraries.ts";
import { compiled, model, objective } from "./testing/documents.ts";
import { slowlyDecide } from "./testing/slow-selection.ts";

const apiVersion = "signalbox.dev/v1";
const models = [model("ranker", "1", "2", "3")];
const target = (version: string) => ({ model: "ranker", version });

function experiment(name: string, spec: Partial<ExperimentInput["spec"]>) {
  const arms = [
    { name: "x", weight: 1 },
    { name: "y", weight: 2 },
  ];
  const targets = [{ objective: "test", arms: { x: target("1"), y: target("2") } }];
  return experimentSchema.parse({
    apiVersion,
    kind: "Experiment",
    metadata: { name },
    spec: { arms, targets, ...spec },
  });
}

const start = "2026-01-01T00:00:00Z";
const end = "2026-06-01T00:00:00Z";
const layer = (from: number, to: number) => ({ name: "l", slices: [{ from, to }] });
const experiments = [
  experiment("by-cells", { allocation: { by: "cells" }, when: { a: { exists: true } } }),
  experiment("first", { layer: layer(0, 25), start, end }),
  experiment("second", { layer: layer(25, 60), iteration: 2, when: { b: { ne: "no" } } }),
];
const holdouts = [holdoutSchema.parse({ apiVersion, kind: "Holdout", metadata: { name: "h" }, spec: { percent: 20 } })];

const awkward = fc.constantFrom<unknown>(
  Number.NaN,
  -0,
  Number.POSITIVE_INFINITY,
  Number.MAX_VALUE,
  5e-324,
  2 ** 53,
  "\ud800",
  "a\udc00",
  "\u0000",
  "__proto__",
  "constructor",
  null,
  undefined,
  10n,
  Symbol("s"),
  () => true,
  new Date(Number.NaN),
  new Map([["a", 1]]),
  Object.create(null),
  "by-cells=x",
  ["by-cells=y", null],
  ["by-cells=__proto__"],
);
const anything = fc.oneof(awkward, fc.jsonValue(), fc.anything(), fc.string({ unit: "binary" }));
const attribute = fc.constantFrom("userId", "cells", "a", "b", "country", "__proto__", "toString", "hasOwnProperty");
/** Objects whose own `__proto__` is an attribute like any other, with a prototype and without. */
const usual = fc.constantFrom<[string, unknown][]>(
  [],
  [["a", 1]],
  [
    ["a", ""],
    ["cells", "by-cells=x"],
  ],
);
const entry = fc.tuple(attribute, anything);
const hostile = fc.tuple(usual, fc.array(entry, { maxLength: 8 }), fc.boolean()).map(([first, rest, bare]) => {
  const made: Record<string, unknown> = bare ? Object.create(null) : {};
  for (const [name, value] of [...rest, ...first])
    Object.defineProperty(made, name, { value, enumerable: true, configurable: true, writable: true });
  return made;
});
const moment = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(Date.parse(start), Date.parse(end), Date.parse(end) - 1, 0),
);

describe("whatever a context holds", () => {
  test("the decision is that of a slow interpreter, and nothing is thrown", () => {
    const split = {
      variants: [
        { name: "p", weight: 3, ...target("2") },
        { name: "q", weight: 1, ...target("3") },
      ],
    };
    const choice = fc.constantFrom({ serve: target("2") }, { split });
    const rules = fc.array(fc.tuple(condition, choice), { minLength: 1, maxLength: 12 });
    const seen = new Set<string>();
    fc.assert(
      fc.property(rules, fc.array(hostile, { minLength: 10, maxLength: 10 }), moment, (given, contexts, now) => {
        const document = objective();
        const named = given.map(([when, made], index) => ({ name: `r${index}`, when, ...made }));
        const subject = { ...document, spec: { ...document.spec, rules: named as typeof document.spec.rules } };
        const ready = compileObjective({ objective: subject, models, revision: 1, experiments, holdouts });
        for (const context of contexts) {
          const { rule, variant, reason } = select(ready, context as Context, { now });
          expect({ rule, variant, reason }).toEqual(slowlyDecide(subject, experiments, holdouts, context, now));
          expect(explain(ready, context as Context, { now }).decision).toMatchObject({ rule, variant, reason });
          seen.add(reason === "experiment" ? rule : reason);
        }
      }),
      { numRuns: 300 },
    );
    for (const outcome of ["first", "second", "by-cells", "rule", "unit_missing"]) expect([...seen]).toContain(outcome);
  });

  test("parsing it refuses with a reason or gives a context of good values only", () => {
    fc.assert(
      fc.property(fc.oneof(hostile, anything), (input) => {
        const parsed = parseContext(input);
        if (!parsed.ok) expect(parsed.problems.length).toBeGreaterThan(0);
        for (const value of Object.values(parsed.ok ? parsed.context : {}).flat())
          expect(["string", "number", "boolean"]).toContain(typeof value);
      }),
    );
  });
});

describe("a large context", () => {
  const megabyte = "x".repeat(1_000_000);
  const when = {
    or: [{ a: { matches: "(x+x+)+y" } }, { a: { contains: `${"x".repeat(1000)}y` } }, { a: { semver: ">=1" } }],
  };
  const subject = compiled({ rules: [{ name: "r", when, serve: target("2") }] });

  test("of a megabyte is matched in a time linear in it, by a pattern made to backtrack", () => {
    expect(select(subject, { a: megabyte }).rule).toBe("default");
    expect(select(subject, { a: `${megabyte}y` }).rule).toBe("r");
  });

  test("of a megabyte is a unit like any other", () => {
    const split = {
      variants: [
        { name: "p", weight: 1, ...target("1") },
        { name: "q", weight: 1, ...target("2") },
      ],
    };
    const splitting = compiled({ rules: [{ name: "r", split }] });
    const variants = Array.from({ length: 20 }, (_, index) => select(splitting, { userId: megabyte + index }).variant);
    expect(new Set(variants)).toEqual(new Set(["p", "q"]));
  });

  test("that is nested without end is no value", () => {
    let deep: unknown = 1;
    for (let level = 0; level < 100_000; level += 1) deep = [deep];
    expect(select(subject, { a: deep as string }).rule).toBe("default");
    expect(parseContext({ a: deep })).toMatchObject({ ok: false });
  });
});

test("a million units leave nothing behind", () => {
  const split = {
    variants: [
      { name: "p", weight: 1, ...target("1") },
      { name: "q", weight: 1, ...target("2") },
    ],
  };
  const document = objective({ rules: [{ name: "r", split }] });
  const subject = compileObjective({ objective: document, models, revision: 1, experiments, holdouts });
  const decisions = new Set();
  for (let unit = 0; unit < 1_000_000; unit += 1)
    decisions.add(select(subject, { userId: `unit-${unit}` }, { now: 0 }));
  // Decisions are those that were built when it was compiled: one an arm, and nothing a unit.
  expect(decisions.size).toBeLessThanOrEqual(4);
});
