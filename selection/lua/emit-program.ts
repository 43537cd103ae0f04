import type { CompiledObjective, CompiledRule } from "../compile.ts";
import type { Outcome } from "../decision.ts";
import { type OneCallAttribute, oneCallAttributes } from "../one-call/attributes.ts";
import { oneCallHeaders } from "../one-call/headers.ts";
import { emitCondition, type ProgramData } from "./emit-condition.ts";
import { emitExperiment, isTimed } from "./emit-experiment.ts";
import { type Arms, emitSplit, type Places } from "./emit-split.ts";
import { luaString } from "./literal.ts";

/**
 * The experiments and rules of an objective as a Lua program for the filter, from the same compiled form that decides in
 * JavaScript:
 *
 *     local K = { constants }
 *     return { name = "default/ranking", attributes = {…}, outcomes = {…}, choose = function(c, u, h) … end }
 *
 * `choose` takes the attributes' values in order (the texts of other units than the objective's at the negative of their
 * places), the text of the unit or nil, and Envoy's handle, which it asks for the time when an experiment has a start or an
 * end; it gives the index of an outcome, and whether a unit was missing. It has no loops, and every value in it is a literal.
 * Throws for what `planOneCall` leaves to the resolver.
 */
export function emitProgram(compiled: CompiledObjective): string {
  const attributes = oneCallAttributes(compiled);
  const { data, constants } = createData(attributes);
  const outcomes = createOutcomes();
  const byDefault = outcomes.indexOf(compiled.fallback);
  const units = new Set([compiled, ...compiled.experiments].map(({ unit }) => unit));
  const statements = [
    ...(compiled.experiments.some(isTimed) ? ["local t=h:timestamp()"] : []),
    ...compiled.experiments.map((experiment) => emitExperiment(experiment, data, outcomes)),
    ...compiled.rules.map((rule, index) => emitRule(rule, variantsOf(compiled, index), data, outcomes)),
  ];
  return [
    `local K={${[...constants].map((constant) => `\n${constant}`).join(",")}}`,
    `local ${functions}=${functions}`,
    `return {name=${luaString(compiled.name)},`,
    `attributes={${attributes.map((attribute) => emitAttribute(attribute, units.has(attribute.name))).join(",")}},`,
    `outcomes={${outcomes.emitted().join(",\n")}},`,
    "choose=function(c,u,h)",
    "local m=false",
    ...statements,
    `return ${byDefault},m`,
    "end}",
  ].join("\n");
}

/** Of selection/lua/filter/programs.lua; as local variables they are found faster. */
const functions = "type,pick,position,contains,startsWith,endsWith,semver";

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

function emitAttribute({ header, baggage, type }: OneCallAttribute, isUnit: boolean): string {
  const sources = [header, baggage].map((name) => (name === null ? "false" : luaString(name)));
  return `{${[...sources, luaString(type), ...(isUnit ? ["true"] : [])].join(",")}}`;
}

/** Stands in the place of a routing key while nobody has decided; no model is called so. */
export function undecidedKey(objective: string): string {
  return `${objective}/-`;
}

function variantsOf({ objective }: CompiledObjective, index: number): Arms {
  return objective.spec.rules[index]?.split?.variants ?? [];
}

function emitRule(rule: CompiledRule, variants: Arms, data: ProgramData, outcomes: Places): string {
  const condition = emitCondition(rule.condition, data);
  const [only] = rule.outcomes;
  if (rule.split === null) return `if ${condition} then return ${outcomes.indexOf(only as Outcome)},m end`;
  const split = emitSplit(rule.split.salt, variants, rule.outcomes, outcomes);
  if (split === null) return `if ${condition} and not u then m=true end`;
  return `if ${condition} then if u then return pick(${data.constant(split)},u),m end m=true end`;
}

/** Constants are places of one table, because a Lua function has at most 200 local variables. */
function createData(attributes: readonly OneCallAttribute[]): { data: ProgramData; constants: Iterable<string> } {
  const places = new Map(attributes.map(({ name }, index) => [name, index + 1]));
  const constants = new Map<string, number>();
  const data = {
    attribute: (name: string) => `c[${places.get(name)}]`,
    unit: (name: string) => (places.get(name) === 1 ? "u" : `c[-${places.get(name)}]`),
    constant: (expression: string) => {
      const place = constants.get(expression) ?? constants.size + 1;
      constants.set(expression, place);
      return `K[${place}]`;
    },
  };
  return { data, constants: constants.keys() };
}

type Outcomes = Places & { emitted(): string[] };

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
