import type { CompiledObjective } from "../selection/compile.ts";
import type { ConditionNode } from "../selection/conditions.ts";
import type { AttributeValue, Context } from "../selection/context.ts";
import type { CompiledExperiment } from "../selection/experiment.ts";
import { select } from "../selection/select.ts";

/**
 * Requests that are looked at together: those that one rule or experiment decides. Only real traffic tells how many there are, but
 * what happens to them can be told without.
 */
export type Segment = {
  /** The rule or experiment that decides; null for requests that bring no attribute but the unit. */
  readonly rule: string | null;
  /** Attributes that a request of the segment may have; null when none could be found. */
  readonly attributes: Context | null;
};

/** Contexts tried for one rule before it is given up. */
const maxTries = 4096;

/**
 * One segment without attributes, and one for each rule and experiment with a condition, before or after a change. The attributes come
 * from the conditions themselves: values just inside and just outside what they ask for, tried on the real selection.
 */
export function segmentsOf(...versions: readonly (CompiledObjective | undefined)[]): Segment[] {
  const found = new Map<string, Segment>();
  for (const compiled of versions) {
    if (!compiled) continue;
    for (const experiment of compiled.experiments) {
      const { name, condition } = experiment;
      if (found.get(name)?.attributes || isAlways(condition)) continue;
      found.set(name, { rule: name, attributes: attributesOfExperiment(experiment) });
    }
    compiled.rules.forEach(({ name, condition }, index) => {
      if (found.get(name)?.attributes || isAlways(condition)) return;
      found.set(name, { rule: name, attributes: attributesFor(compiled, index) });
    });
  }
  return [{ rule: null, attributes: {} }, ...found.values()];
}

/** Attributes of contexts that an experiment is for; null when none are found. */
function attributesOfExperiment({ unit, condition, matches }: CompiledExperiment): Context | null {
  const values: Values = new Map();
  collectValues(condition, values);
  for (const attributes of combinations(values)) if (matches({ [unit]: "unit", ...attributes })) return attributes;
  return null;
}

/** Attributes with which the rule at `index` decides for whom no experiment takes; null when none are found. */
export function attributesFor(compiled: CompiledObjective, index: number): Context | null {
  const rule = compiled.rules[index];
  if (!rule) return null;
  // Attributes of its own condition come first, so that a search that counts through all values varies those first.
  const values: Values = new Map();
  for (const { condition } of [rule, ...compiled.rules.slice(0, index)]) collectValues(condition, values);
  const byRules = { ...compiled, experiments: [] };
  for (const attributes of combinations(values)) {
    const decision = select(byRules, { [compiled.unit]: "unit", ...attributes });
    if (decision.reason !== "default" && decision.rule === rule.name) return attributes;
  }
  return null;
}

function isAlways(node: ConditionNode): boolean {
  return node.kind === "all" && node.nodes.length === 0;
}

/** Values to try, by attribute; undefined is an absent one. */
type Values = Map<string, (AttributeValue | undefined)[]>;

function collectValues(node: ConditionNode, values: Values): void {
  if (node.kind === "term") {
    const known = values.get(node.attribute) ?? [];
    const more = candidates(node.operator, node.operand).filter((value) => !known.includes(value));
    values.set(node.attribute, [...known, ...more]);
  } else if (node.kind === "not") {
    collectValues(node.node, values);
  } else {
    for (const each of node.nodes) collectValues(each, values);
  }
}

type Term = Extract<ConditionNode, { kind: "term" }>;

/** Values that satisfy an operator or just miss it, the likely ones first; undefined is an absent attribute. */
function candidates(operator: Term["operator"], operand: Term["operand"]): (AttributeValue | undefined)[] {
  switch (operator) {
    case "eq":
      return [operand as AttributeValue, another(operand), undefined];
    case "ne":
      return [another(operand), operand as AttributeValue];
    case "in":
      return [...(operand as readonly AttributeValue[]).slice(0, 3), undefined];
    case "notIn":
      return [another((operand as readonly unknown[])[0]), undefined];
    case "lt":
    case "lte":
      return [(operand as number) - 1, operand as number, (operand as number) + 1];
    case "gt":
    case "gte":
      return [(operand as number) + 1, operand as number, (operand as number) - 1];
    case "startsWith":
    case "endsWith":
      return [operand as string, undefined];
    case "contains":
      return typeof operand === "string"
        ? [operand, [operand], undefined]
        : [[operand as string | number | boolean], undefined];
    case "semver":
      return [...versionsNear(operand as string), undefined];
    case "matches":
      return [...textsNear(operand as string), undefined];
    case "inAudience":
      // Whether a unit is in the list cannot be chosen by attributes.
      return [undefined];
    case "exists":
      return operand === true ? ["any", undefined] : [undefined, "any"];
    default:
      return operator satisfies never;
  }
}

function another(value: unknown): AttributeValue {
  if (typeof value === "number") return value + 1;
  return typeof value === "boolean" ? !value : "something-else";
}

/** The versions that a range names, and their neighbours. */
function versionsNear(range: string): string[] {
  const named = [...range.matchAll(/(\d+)(?:\.(\d+))?(?:\.(\d+))?/g)].map(([, major, minor = "0", patch = "0"]) =>
    [major, minor, patch].map(Number),
  );
  return named.flatMap(([major = 0, minor = 0, patch = 0]) => [
    `${major}.${minor}.${patch}`,
    `${major}.${minor}.${patch + 1}`,
    ...(major > 0 ? [`${major - 1}.999.0`] : []),
  ]);
}

/** What a pattern reads as when its commonest signs are taken for themselves: `^(tv|console)-\d+$` is `tv-1`. */
function textsNear(pattern: string): string[] {
  const text = pattern
    .replace(/\((?:\?[a-zA-Z]*:)?([^()|]*)(?:\|[^()]*)?\)/g, "$1")
    .replace(/^\(\?[a-z]+\)|\^|\$|\\b/g, "")
    .replace(/\\d/g, "1")
    .replace(/\\w/g, "a")
    .replace(/\\s/g, " ")
    .replace(/\[([^\]^])[^\]]*\]/g, "$1")
    .replace(/\.(?=[*+?]|$)/g, "a")
    .replace(/\{\d+(?:,\d*)?\}|(?<!\\)[*+?]/g, "")
    .replace(/\\(.)/g, "$1");
  return [text, ...text.split("|")];
}

/** All combinations of the values, the first attribute counting fastest; at most {@link maxTries}. */
function* combinations(values: ReadonlyMap<string, readonly (AttributeValue | undefined)[]>): Generator<Context> {
  const attributes = [...values];
  const total = attributes.reduce((product, [, each]) => product * each.length, 1);
  const isFew = total <= maxTries;
  const random = pseudoRandom();
  for (let number = 0; number < Math.min(total, maxTries); number++) {
    // Too many to count through: then combinations are drawn, those of first choices more often.
    let rest = number;
    const context: { [attribute: string]: AttributeValue } = Object.create(null);
    for (const [attribute, choices] of attributes) {
      const index = isFew ? rest % choices.length : Math.floor(random() ** 2 * choices.length);
      rest = Math.floor(rest / choices.length);
      const value = choices[index];
      if (value !== undefined) context[attribute] = value;
    }
    yield context;
  }
}

/** Park and Miller's generator with a fixed seed: the same search every time. */
function pseudoRandom(): () => number {
  let state = 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
