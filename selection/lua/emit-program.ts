import type { CompiledObjective, CompiledRule } from "../compile.ts";
import type { Outcome } from "../decision.ts";
import { type OneCallAttribute, oneCallAttributes } from "../one-call/attributes.ts";
import { oneCallHeaders } from "../one-call/headers.ts";
import { emitCondition, type ProgramData } from "./emit-condition.ts";
import { luaNumber, luaString } from "./literal.ts";

/**
 * The rules of an objective as a Lua program for the filter, from the same compiled form that decides in JavaScript:
 *
 *     local K = { constants }
 *     return { name = "default/ranking", attributes = {…}, outcomes = {…}, choose = function(c, u) … end }
 *
 * `choose` takes the attributes' values in order and the text of the unit or nil; it gives the index of an outcome, and
 * whether a unit was missing. It has no loops, and every value in it is a literal. Throws for rules that
 * `embeddingObstacles` refuses.
 */
export function emitProgram(compiled: CompiledObjective): string {
  const attributes = oneCallAttributes(compiled);
  const { data, constants } = createData(attributes);
  const outcomes = createOutcomes();
  const byDefault = outcomes.indexOf(compiled.fallback);
  const statements = compiled.rules.map((rule, index) => emitRule(rule, variantsOf(compiled, index), data, outcomes));
  return [
    `local K={${constants.map((constant) => `\n${constant}`).join(",")}}`,
    "local type,pick,contains,startsWith,endsWith,semver=type,pick,contains,startsWith,endsWith,semver",
    `return {name=${luaString(compiled.name)},`,
    `attributes={${attributes.map(emitAttribute).join(",")}},`,
    `outcomes={${outcomes.emitted().join(",\n")}},`,
    "choose=function(c,u)",
    "local m=false",
    ...statements,
    `return ${byDefault},m`,
    "end}",
  ].join("\n");
}

/**
 * The program of an objective whose rules the resolver evaluates: the headers that it needs under the names it reads, and
 * what counts when it does not answer: the default, or {@link undecidedKey}.
 */
export function emitResolverProgram(compiled: CompiledObjective): string {
  const renamed = oneCallAttributes(compiled).flatMap(({ name, header }) =>
    header === null || header === `x-signalbox-context-${name.toLowerCase()}` ? [] : [[header, name.toLowerCase()]],
  );
  const { routingKey, config, decision } = oneCallHeaders(compiled.fallback.decided);
  const refuses = compiled.objective.spec.policy.onResolverFailure === "reject";
  const fallback = refuses ? [undecidedKey(compiled.name)] : [routingKey, config, decision];
  return [
    `return {name=${luaString(compiled.name)},`,
    `renamed={${renamed.map(([from = "", name]) => `{${luaString(from)},${luaString(`x-signalbox-context-${name}`)}}`).join(",")}},`,
    `fallback={${fallback.map(luaString).join(",")}}}`,
  ].join("\n");
}

function emitAttribute({ header, baggage, type }: OneCallAttribute): string {
  return `{${[header, baggage].map((name) => (name === null ? "false" : luaString(name))).join(",")},"${type}"}`;
}

/** Stands in the place of a routing key while nobody has decided; no model is called so. */
export function undecidedKey(objective: string): string {
  return `${objective}/-`;
}

type Variants = readonly { readonly name: string; readonly weight: number }[];

function variantsOf({ objective }: CompiledObjective, index: number): Variants {
  return objective.spec.rules[index]?.split?.variants ?? [];
}

function emitRule(rule: CompiledRule, variants: Variants, data: ProgramData, outcomes: Outcomes): string {
  const condition = emitCondition(rule.condition, data);
  const [only] = rule.outcomes;
  if (rule.split === null) return `if ${condition} then return ${outcomes.indexOf(only as Outcome)},m end`;
  const arms = variants.flatMap(({ name, weight }, index) =>
    weight > 0
      ? [`arm(${luaNumber(weight)},${outcomes.indexOf(rule.outcomes[index] as Outcome)},${luaString(name)})`]
      : [],
  );
  if (arms.length === 0) return `if ${condition} and not u then m=true end`;
  const split = data.constant(`split(${luaString(`${rule.split.salt}:`)},{${arms.join(",")}})`);
  return `if ${condition} then if u then return pick(${split},u),m end m=true end`;
}

/** Constants are places of one table, because a Lua function has at most 200 local variables. */
function createData(attributes: readonly OneCallAttribute[]): { data: ProgramData; constants: readonly string[] } {
  const places = new Map(attributes.map(({ name }, index) => [name, `c[${index + 1}]`]));
  const constants: string[] = [];
  const data = {
    attribute: (name: string) => places.get(name) as string,
    constant: (expression: string) => `K[${constants.push(expression)}]`,
  };
  return { data, constants };
}

type Outcomes = {
  /** The place of an outcome, from 1. */
  indexOf(outcome: Outcome): number;
  emitted(): string[];
};

/** Outcomes as { routing key, config, decision, decision after a unit was missing }. */
function createOutcomes(): Outcomes {
  const places = new Map<Outcome, number>();
  return {
    indexOf: (outcome) => {
      const place = places.get(outcome) ?? places.size + 1;
      places.set(outcome, place);
      return place;
    },
    emitted: () =>
      [...places.keys()].map(({ decided, unitMissing }) => {
        const { routingKey, config, decision } = oneCallHeaders(decided);
        const texts = [routingKey, config, decision, oneCallHeaders(unitMissing).decision];
        return `{${texts.map(luaString).join(",")}}`;
      }),
  };
}
