import { expect, test } from "vitest";
import { defaultDecision } from "../rule-table.ts";
import { compiled, experiment } from "../testing/documents.ts";
import { maxConfigHeaderBytes, oneCallHeaders } from "./headers.ts";
import { maxProgramBytes, planOneCall } from "./plan.ts";

const serve = { model: "ranker", version: "2" };

test("rules that Envoy can hold are embedded, others go to the resolver, with the reason", () => {
  expect(planOneCall(compiled({ rules: [{ name: "a", when: { a: 1 }, serve }] }))).toMatchObject({
    engine: "embedded",
    why: [],
  });
  expect(planOneCall(compiled({ rules: [{ name: "a", when: { a: { matches: "a|b" } }, serve }] }))).toMatchObject({
    engine: "resolver",
    why: ["spec.rules[0].when.a.matches is a regular expression, which Envoy's Lua filter does not have"],
  });
  expect(planOneCall(compiled({ policy: { engine: "resolver" } }))).toMatchObject({
    engine: "resolver",
    why: ["policy.engine asks for the resolver"],
  });
});

test("experiments are embedded too, but for cells and what rules cannot have either", () => {
  const under = (...experiments: Parameters<typeof experiment>[]) =>
    planOneCall(compiled({}, { experiments: experiments.map((each) => experiment(...each)) }));
  const layer = { name: "l", slices: [{ from: 0, to: 50 }] };
  expect(under(["a", { start: "2026-11-21T09:00:00Z", layer, when: { country: "US" } }])).toMatchObject({
    engine: "embedded",
    why: [],
  });
  expect(
    under(["a", { allocation: { by: "cells" } }], ["b", { when: { or: [{ a: 1 }, { a: { matches: "a|b" } }] } }]),
  ).toMatchObject({
    engine: "resolver",
    why: [
      "spec.allocation.by of experiment a is cells, which only a resolver can ask the platform for",
      "spec.when.or[1].a.matches of experiment b is a regular expression, which Envoy's Lua filter does not have",
    ],
  });
});

test("rules and experiments together have the limit of rules", () => {
  const searches = (count: number) => ({
    or: Array.from({ length: count }, (_, index) => ({ a: { contains: `x${index}` } })),
  });
  const rules = [{ name: "r", when: searches(60), serve }];
  expect(planOneCall(compiled({ rules }, { experiments: [experiment("a", { when: searches(30) })] })).engine).toBe(
    "embedded",
  );
  const { engine, why } = planOneCall(compiled({ rules }, { experiments: [experiment("a", { when: searches(60) })] }));
  expect(engine).toBe("resolver");
  expect(why).toEqual([
    expect.stringMatching(/^rules and experiments together cost \d+ comparisons at worst, of at most 100000 /),
  ]);
});

test("a program that is too long goes to the resolver, whatever the objective wants", () => {
  const parameters = { text: "x".repeat(5000) };
  const rules = Array.from({ length: 60 }, (_, index) => ({
    name: `r${index}`,
    when: { a: index },
    serve: { ...serve, parameters },
  }));
  const plan = planOneCall(compiled({ rules, policy: { engine: "embedded" } }));
  expect(plan.engine).toBe("resolver");
  expect(plan.why).toEqual([expect.stringMatching(`of at most ${maxProgramBytes}$`)]);
  expect(plan.program.length).toBeLessThan(1000);
});

test("parameters that are too long for a header are left out, and the config says so", () => {
  const parsed = (text: string) => {
    const subject = compiled({ default: { model: "ranker", version: "1", parameters: { text } } });
    const { config } = oneCallHeaders(defaultDecision(subject));
    expect(config.length).toBeLessThanOrEqual(maxConfigHeaderBytes);
    return JSON.parse(Buffer.from(config, "base64url").toString("utf8"));
  };
  expect(parsed("é")).toMatchObject({ model: "ranker", version: "1", rule: "default", parameters: { text: "é" } });
  expect(parsed("é")).not.toHaveProperty("parametersOmitted");
  expect(parsed("x".repeat(10_000))).toMatchObject({ parameters: {}, parametersOmitted: true });
});
