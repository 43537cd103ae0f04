import { type Context, isPresent } from "./context.ts";
import type { Resolution } from "./resolution.ts";

/**
 * Objectives as OpenFeature flags. The flag `<objective>` has the whole answer as its value, an object; one of its fields
 * is a flag of its own: `<objective>.routingKey`, `.model`, `.version`, `.variant`, `.rule`, `.parameters` and
 * `.parameters.<name>`. No objective's name holds a dot.
 */
export type FlagKey = {
  readonly objective: string;
  /** What of the answer; empty for the whole. */
  readonly field: string;
};

export function parseFlagKey(key: string): FlagKey {
  const dot = key.indexOf(".");
  return dot === -1 ? { objective: key, field: "" } : { objective: key.slice(0, dot), field: key.slice(dot + 1) };
}

/** What a flag evaluates to, in OpenFeature's words. */
export type FlagEvaluation = {
  readonly value: unknown;
  /** The arm of the rule's split; where nothing was split, the model version, such as `ranker@7`. */
  readonly variant: string;
  readonly reason: "SPLIT" | "TARGETING_MATCH" | "DEFAULT";
  readonly metadata: Readonly<Record<string, string | number | boolean>>;
};

const parameterPrefix = "parameters.";

/** Null when the answer has no such field, such as the variant where nothing was split. */
export function evaluateFlag(resolution: Resolution, field: string): FlagEvaluation | null {
  const value = fieldOf(resolution, field);
  if (value === undefined || value === null) return null;
  const { objective, routingKey, config, revision, reason } = resolution;
  const { model, version, variant, rule } = config;
  return {
    value,
    variant: variant ?? `${model}@${version}`,
    reason: variant !== null ? "SPLIT" : rule === "default" ? "DEFAULT" : "TARGETING_MATCH",
    metadata: { objective, routingKey, model, version, rule, revision, unitMissing: reason === "unit_missing" },
  };
}

function fieldOf(resolution: Resolution, field: string): unknown {
  const { model, version, variant, rule, parameters } = resolution.config;
  if (field.startsWith(parameterPrefix)) {
    const name = field.slice(parameterPrefix.length);
    return Object.hasOwn(parameters, name) ? parameters[name] : undefined;
  }
  switch (field) {
    case "":
      return resolution;
    case "routingKey":
      return resolution.routingKey;
    case "model":
      return model;
    case "version":
      return version;
    case "variant":
      return variant;
    case "rule":
      return rule;
    case "parameters":
      return parameters;
    default:
      return undefined;
  }
}

/** OpenFeature's name for what identifies the subject of an evaluation. */
export const targetingKey = "targetingKey";

/** The context with OpenFeature's targeting key as its unit, when it has none of its own. */
export function withTargetingKey(context: Context, unit: string): Context {
  const key = context[targetingKey];
  return key === undefined || isPresent(context[unit]) ? context : { ...context, [unit]: key };
}
