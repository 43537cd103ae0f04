import { GrowthBookClient } from "@growthbook/growthbook";
import { FlagdCore } from "@openfeature/flagd-core";
import unleashClient from "unleash-client/lib/client.js";
import { defaultStrategies } from "unleash-client/lib/strategy/index.js";
import { compileObjective } from "../../selection/compile.ts";
import { select } from "../../selection/select.ts";
import { type BenchContext, countryOf, device, objectiveOf, ranker, ruleCount } from "./rule-set.ts";

/**
 * An engine with the rules of rule-set.ts. `prepare` brings a context into the form that the engine's caller would hold
 * it in, which is not measured; `decide` answers with the arm, `default` when no rule matches.
 */
export type Engine = {
  readonly name: string;
  prepare(context: BenchContext): object;
  decide(prepared: object): string;
};

export function signalboxEngine(): Engine {
  const objective = objectiveOf("bench", ruleCount);
  const compiled = compileObjective({ objective, models: [ranker], revision: 1 });
  return {
    name: "signalbox",
    prepare: (context) => context,
    decide: (context) => select(compiled, context as BenchContext).variant ?? "default",
  };
}

/** flagd's own evaluator in process: JSON Logic, compiled by the library, with its `fractional` operator. */
export function flagdEngine(): Engine {
  const branches = Array.from({ length: ruleCount }, (_, rule) => [
    { and: [{ "==": [{ var: "country" }, countryOf(rule)] }, { "==": [{ var: "device" }, device] }] },
    { fractional: [{ cat: [`rule-${rule}`, { var: "targetingKey" }] }, ["a", 50], ["b", 50]] },
  ]);
  const flag = {
    state: "ENABLED",
    variants: { a: "a", b: "b", default: "default" },
    defaultVariant: "default",
    targeting: { if: [...branches.flat(), "default"] },
  };
  const core = new FlagdCore();
  core.setConfigurations(JSON.stringify({ flags: { bench: flag } }));
  return {
    name: "flagd-core",
    prepare: ({ userId, ...rest }) => ({ targetingKey: userId, ...rest }),
    decide: (context) => core.resolveStringEvaluation("bench", "none", context as Record<string, string>).value,
  };
}

/** GrowthBook's multi-user client, without tracking. */
export function growthBookEngine(): Engine {
  const rules = Array.from({ length: ruleCount }, (_, rule) => ({
    condition: { country: countryOf(rule), device },
    key: `rule-${rule}`,
    hashAttribute: "userId",
    hashVersion: 2,
    variations: ["a", "b"],
    weights: [0.5, 0.5],
  }));
  const client = new GrowthBookClient().initSync({
    payload: { features: { bench: { defaultValue: "default", rules } } },
  });
  return {
    name: "growthbook",
    prepare: (attributes) => ({ attributes }),
    decide: (user) => client.evalFeature<string>("bench", user).value ?? "none",
  };
}

/** Unleash's evaluator by itself: the public client adds metrics and events to each call. */
export function unleashEngine(): Engine {
  const strategies = Array.from({ length: ruleCount }, (_, rule) => ({
    name: "flexibleRollout",
    parameters: { rollout: "100", stickiness: "userId", groupId: `rule-${rule}` },
    constraints: [
      { contextName: "country", operator: "IN", inverted: false, values: [countryOf(rule)] },
      { contextName: "device", operator: "IN", inverted: false, values: [device] },
    ],
    segments: [],
    variants: ["a", "b"].map((name) => ({
      name,
      weight: 500,
      weightType: "variable",
      stickiness: "userId",
      overrides: [],
    })),
  }));
  const toggle = { name: "bench", enabled: true, strategies, variants: [] };
  const repository = { getToggle: () => toggle, getSegment: () => undefined };
  const Client = unleashClient.default;
  const client = new Client(repository as unknown as ConstructorParameters<typeof Client>[0], defaultStrategies);
  return {
    name: "unleash-client",
    prepare: ({ userId, ...properties }) => ({ userId, properties }),
    decide: (context) => {
      const { name } = client.getVariant("bench", context as { userId: string });
      return name === "disabled" ? "default" : name;
    },
  };
}
