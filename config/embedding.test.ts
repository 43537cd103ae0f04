import { describe, expect, test } from "vitest";
import type { Condition } from "./documents/condition.ts";
import { experimentSchema } from "./documents/experiment.ts";
import { objectiveSchema } from "./documents/objective.ts";
import { embeddedCost, embeddingObstacles, experimentsCost } from "./embedding.ts";

const rule = (when: Condition) => ({ when });

describe("what keeps rules out of Envoy", () => {
  test("is told with the path of the operator", () => {
    expect(
      embeddingObstacles([rule({ a: 1 }), rule({ or: [{ a: "x" }, { not: { b: { matches: "^a.*b" } } }] })]),
    ).toEqual([
      {
        path: [1, "when", "or", 1, "not", "b", "matches"],
        message: "is a regular expression, which Envoy's Lua filter does not have",
      },
    ]);
  });

  test("is no pattern that is only a text, and no range of versions", () => {
    expect(embeddingObstacles([rule({ a: { matches: "^tv$", semver: ">=1.2.3 <2" } })])).toEqual([]);
  });

  test("is half a surrogate pair", () => {
    const [obstacle] = embeddingObstacles([rule({ a: { in: ["x", "\ud800"] } })]);
    expect(obstacle).toEqual({
      path: [0, "when", "a", "in"],
      message: "has half a surrogate pair, which UTF-8 cannot hold",
    });
  });

  test("is a cost above the limit, which is named", () => {
    const parts = Array.from({ length: 100 }, (_, index) => ({ a: { contains: `x${index}` } }));
    const rules = [rule({ or: parts })];
    expect(embeddingObstacles(rules)).toEqual([
      {
        path: [],
        message: `cost ${embeddedCost(rules)} comparisons at worst, of at most 100000 inside Envoy (limit embeddedCost)`,
      },
    ]);
    expect(embeddingObstacles([rule({ or: parts.slice(0, 90) })])).toEqual([]);
  });
});

test("experiments cost their conditions, arms and slices, and a hash for each layer and holdout, however many ask for it", () => {
  const experiment = (name: string, layer?: string) =>
    experimentSchema.parse({
      apiVersion: "signalbox.dev/v1",
      kind: "Experiment",
      metadata: { name },
      spec: {
        when: { a: 1 },
        arms: [{ name: "a" }],
        targets: [{ objective: "o", arms: { a: { model: "m", version: "1" } } }],
        ...(layer ? { layer: { name: layer, slices: [{ from: 0, to: 1 }] } } : {}),
      },
    });
  expect(experimentsCost([], 3)).toBe(0);
  expect(experimentsCost([experiment("x")], 0)).toBe(250 + 9);
  expect(experimentsCost([experiment("x", "l")], 0)).toBe(2 * 250 + 11);
  expect(experimentsCost([experiment("x", "l"), experiment("y", "l")], 2)).toBe(4 * 250 + 2 * 13);
});

describe("an objective that wants its rules inside Envoy", () => {
  const document = (engine: string, expression: string) => ({
    apiVersion: "signalbox.dev/v1",
    kind: "Objective",
    metadata: { name: "ranking" },
    spec: {
      default: { model: "ranker", version: "7" },
      rules: [{ name: "r", when: { a: { matches: expression } }, serve: { model: "ranker", version: "8" } }],
      policy: { engine },
    },
  });

  test("is refused when they cannot be, with the path and the remedy", () => {
    const issues = objectiveSchema.safeParse(document("embedded", "a+")).error?.issues;
    expect(issues?.map(({ path, message }) => [path.join("."), message])).toEqual([
      [
        "spec.rules.0.when.a.matches",
        "is a regular expression, which Envoy's Lua filter does not have; use policy.engine: auto or resolver",
      ],
    ]);
  });

  test("is good when they can be; auto and resolver always are", () => {
    expect(objectiveSchema.safeParse(document("embedded", "^a$")).success).toBe(true);
    for (const engine of ["auto", "resolver"]) {
      expect(objectiveSchema.safeParse(document(engine, "a+")).success).toBe(true);
    }
  });
});

describe("the headers that attributes come from", () => {
  const problems = (context: unknown) =>
    objectiveSchema
      .safeParse({
        apiVersion: "signalbox.dev/v1",
        kind: "Objective",
        metadata: { name: "ranking" },
        spec: { default: { model: "ranker", version: "7" }, context },
      })
      .error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);

  test("cannot be headers with a meaning of their own, or attributes that differ in case only", () => {
    expect(
      problems({ userId: { header: "x-user-id", type: "string" }, tags: { baggage: "tags", type: "list" } }),
    ).toBeUndefined();
    expect(problems({ a: { header: "x-routing-key" } })).toEqual([
      "spec.context.a.header: x-routing-key has a meaning of its own; name another header",
    ]);
    expect(problems({ a: { header: "x-signalbox-config" } })).toHaveLength(1);
    expect(problems({ a: { header: "authorization" } })).toHaveLength(1);
    expect(problems({ a: { header: "X-User" } })).toHaveLength(1);
    expect(problems({ userId: {}, userid: {} })).toEqual([
      'spec.context.userid: differs from "userId" in case only, which headers cannot tell',
    ]);
  });
});
