import type { Condition, Operators, Scalar } from "./documents/condition.ts";
import type { Experiment } from "./documents/experiment.ts";
import { limits } from "./limits.ts";
import { literalPattern } from "./literal-pattern.ts";

/**
 * Why something cannot be evaluated inside Envoy: the path below `rules` of an objective or `spec` of an experiment, and a
 * sentence without a subject.
 */
export type EmbeddingObstacle = { readonly path: readonly (string | number)[]; readonly message: string };

/** The part of a rule that is looked at. */
type RuleLike = {
  readonly when?: Condition;
  readonly split?: { readonly variants: readonly unknown[] };
};

/**
 * What keeps rules out of Envoy's Lua filter, which has no regular expressions and in which a worker thread waits for each
 * decision; empty when nothing does. The rules must be valid.
 */
export function embeddingObstacles(rules: readonly RuleLike[]): EmbeddingObstacle[] {
  const obstacles = rules.flatMap((rule, index) =>
    rule.when === undefined ? [] : obstaclesOf(rule.when, [index, "when"]),
  );
  const tooDear = costObstacle(embeddedCost(rules));
  return tooDear === null ? obstacles : [...obstacles, { path: [], message: tooDear }];
}

/**
 * What keeps an experiment out of Envoy's Lua filter: what keeps rules out, and cells, which a resolver looks up where the
 * context has none.
 */
export function experimentObstacles({ spec }: Experiment): EmbeddingObstacle[] {
  const { allocation, when } = spec;
  const byCells = { path: ["allocation", "by"], message: "is cells, which only a resolver can ask the platform for" };
  return [...(allocation.by === "cells" ? [byCells] : []), ...(when === undefined ? [] : obstaclesOf(when, ["when"]))];
}

/** Why a cost is none that Envoy bears, as a sentence without a subject; null when it does. */
export function costObstacle(cost: number): string | null {
  if (cost <= limits.embeddedCost) return null;
  return `cost ${cost} comparisons at worst, of at most ${limits.embeddedCost} inside Envoy (limit embeddedCost)`;
}

function obstaclesOf(condition: Condition, path: readonly (string | number)[]): EmbeddingObstacle[] {
  return Object.entries(condition).flatMap(([key, value]) => {
    const here = [...path, key];
    if (key === "and" || key === "or")
      return (value as readonly Condition[]).flatMap((part, index) => obstaclesOf(part, [...here, index]));
    if (key === "not") return obstaclesOf(value as Condition, here);
    return operatorsOf(value as Scalar | Operators).flatMap(([operator, operand]) => {
      const message = obstacleOf(operator, operand);
      return message === null ? [] : [{ path: [...here, ...(typeof value === "object" ? [operator] : [])], message }];
    });
  });
}

function obstacleOf(operator: string, operand: Operand): string | null {
  if (termCosts[operator] === undefined) return "is not known to Envoy's Lua filter";
  if (operator === "matches" && literalPattern(operand as string) === null)
    return "is a regular expression, which Envoy's Lua filter does not have";
  const texts = [operand].flat().filter((value) => typeof value === "string");
  return texts.every((text) => text.isWellFormed()) ? null : "has half a surrogate pair, which UTF-8 cannot hold";
}

/**
 * What a decision by these rules costs at worst, in comparisons of about 30 ns: every term of every rule is tried, on
 * values as long as one-call mode allows. An upper bound, not a prediction.
 */
export function embeddedCost(rules: readonly RuleLike[]): number {
  return rules.reduce((sum, { when, split }) => {
    return sum + 1 + (when === undefined ? 0 : costOf(when)) + 4 * (split?.variants.length ?? 0);
  }, 0);
}

/** A hash of a unit as long as one-call mode allows. */
const hashCost = 250;

/**
 * What experiments on an objective add to {@link embeddedCost}. The hashes of a layer and of a holdout are made once,
 * whatever the number of experiments that ask for them.
 */
export function experimentsCost(experiments: readonly Experiment[], holdouts: number): number {
  if (experiments.length === 0) return 0;
  const layers = new Set(experiments.flatMap(({ spec }) => spec.layer?.name ?? []));
  return experiments.reduce(
    (sum, { spec: { when, arms, layer } }) =>
      sum + 3 + (when === undefined ? 0 : costOf(when)) + 4 * arms.length + 2 * (layer?.slices.length ?? 0) + holdouts,
    hashCost * (layers.size + holdouts + 1),
  );
}

function costOf(condition: Condition): number {
  return Object.entries(condition).reduce((sum, [key, value]) => {
    if (key === "and" || key === "or")
      return sum + (value as readonly Condition[]).reduce((inner, part) => inner + costOf(part), 1);
    if (key === "not") return sum + 1 + costOf(value as Condition);
    return sum + operatorsOf(value as Scalar | Operators).reduce((inner, each) => inner + termCost(...each), 0);
  }, 0);
}

/**
 * What one operator costs at worst; those that are not here cannot be evaluated inside Envoy. A search tries every place
 * of the value; a version is taken apart character by character.
 */
const termCosts: Readonly<Record<string, ((length: number) => number) | undefined>> = {
  ...Object.fromEntries(["eq", "ne", "in", "notIn", "lt", "lte", "gt", "gte", "exists"].map((each) => [each, () => 2])),
  startsWith: (length) => 2 + Math.ceil(length / 16),
  endsWith: (length) => 2 + Math.ceil(length / 16),
  semver: (length) => 200 + 10 * length,
  contains: (length) => 1000 + length,
  matches: (length) => 1000 + length,
};

function termCost(operator: string, operand: Operand): number {
  return termCosts[operator]?.(String(operand).length) ?? 0;
}

type Operand = NonNullable<Operators[keyof Operators]>;

function operatorsOf(test: Scalar | Operators): [keyof Operators, Operand][] {
  const entries = Object.entries(typeof test === "object" ? test : { eq: test });
  return entries.filter(([, operand]) => operand !== undefined) as [keyof Operators, Operand][];
}
