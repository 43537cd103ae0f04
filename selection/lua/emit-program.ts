import { type CompiledObjective, type CompiledRule, variantsOf } from "../compile.ts";
import type { Decision } from "../decision.ts";
import { experimentDecisions } from "../experiment.ts";
import { contextHeader, type OneCallAttribute, oneCallAttributes } from "../one-call/attributes.ts";
import { parametersInConfig } from "../one-call/headers.ts";
import { resolverTimes } from "../one-call/question.ts";
import { armDecisions, defaultDecision } from "../rule-table.ts";
import { emitCondition, type ProgramData } from "./emit-condition.ts";
import { emitExperiment, isTimed } from "./emit-experiment.ts";
import { emitSplit, type Places } from "./emit-split.ts";
import { luaString } from "./literal.ts";

/**
 * The experiments and rules of an objective as a Lua program for the filter, from the same compiled form that decides in
 * JavaScript:
 *
 *     local K={ constants }
 *     return selecting("default/ranking","42",{ attributes },{ outcomes },function(c,u,h) … end)
 *
 * The function takes the attributes' values in order (the texts of other units than the objective's at the negative of their
 * places), the text of the unit or nil, and Envoy's handle, which it asks for the time when an experiment has a start or an
 * end; it gives the index of an outcome, and whether a unit was missing. It has no loops, and every value in it is a literal.
 * The first outcome is the default; where nothing else can be chosen, there is no function. What attributes and outcomes are
 * made of is said in selection/lua/filter, which puts them into words: an Envoy holds every text of a program several times.
 * Throws for what `planOneCall` leaves to the resolver.
 */
export function emitProgram(compiled: CompiledObjective): string {
  const attributes = oneCallAttributes(compiled);
  const { data, constants } = createData(attributes);
  const outcomes = createOutcomes();
  const byDefault = outcomes.indexOf(defaultDecision(compiled));
  const units = new Set([compiled, ...compiled.experiments].map(({ unit }) => unit));
  const statements = [
    ...compiled.experiments.map((each) => emitExperiment(each, experimentDecisions(each, compiled), data, outcomes)),
    ...compiled.rules.map((_, index) => emitRule(compiled, index, data, outcomes)),
  ];
  const time = compiled.experiments.some(isTimed) ? ["local t=h:timestamp()"] : [];
  const choose = ["function(c,u,h)", "local m=false", ...time, ...statements, `return ${byDefault},m`, "end"];
  const parts = [
    luaString(compiled.name),
    luaString(String(compiled.revision)),
    emitList(attributes.map((attribute, index) => emitAttribute(attribute, index > 0 && units.has(attribute.name)))),
    emitList(outcomes.emitted()),
    ...(statements.length > 0 ? [choose.join("\n")] : []),
  ];
  const table = [...constants];
  return `${table.length > 0 ? `local K=${emitList(table)}\n` : ""}return selecting(${parts.join(",")})`;
}

/**
 * The program of an objective whose rules the resolver evaluates: the headers that it needs under the names it reads,
 * the end of the {@link undecidedKey}, the attributes whose headers have those names already, and the time of the first question.
 */
export function emitResolverProgram(compiled: CompiledObjective): string {
  const attributes = oneCallAttributes(compiled);
  const isRenamed = ({ name, header }: OneCallAttribute) => header !== null && header !== contextHeader(name);
  const nameOf = ({ name }: OneCallAttribute) => luaString(name.toLowerCase());
  const renamed = attributes.filter(isRenamed);
  const others = attributes.filter((attribute) => !isRenamed(attribute));
  const { policy } = compiled.objective.spec;
  const parts = [
    luaString(compiled.name),
    emitList(renamed.map((attribute) => emitList([luaString(attribute.header ?? ""), nameOf(attribute)]))),
    luaString(policy.onResolverFailure),
    emitList(others.map((attribute) => (attribute.header === null ? "false" : nameOf(attribute)))),
    String(resolverTimes(policy).firstMs),
  ];
  return `return asking(${parts.join(",")})`;
}

/** Its name alone, or with what is not as the name says. The first attribute is a unit without being told. */
function emitAttribute({ name, header, baggage, type }: OneCallAttribute, isUnit: boolean): string {
  const sources =
    header === contextHeader(name) && baggage === name
      ? []
      : [header, baggage].map((source) => (source === null ? "false" : luaString(source)));
  const isPlain = sources.length === 0 && type === "string" && !isUnit;
  return isPlain ? luaString(name) : emitList([luaString(name), luaString(type), String(isUnit), ...sources]);
}

/**
 * Stands in the place of a routing key while no resolver has decided, and leads to what counts when none does: the default, or a
 * refusal. No model is called so.
 */
export function undecidedKey(objective: string, onResolverFailure: "default" | "reject"): string {
  return `${objective}/${onResolverFailure}`;
}

function emitRule(compiled: CompiledObjective, index: number, data: ProgramData, outcomes: Places): string {
  const rule = compiled.rules[index] as CompiledRule;
  const decisions = armDecisions(compiled, index);
  const condition = emitCondition(rule.condition, data);
  if (rule.split === null) return `if ${condition} then return ${outcomes.indexOf(decisions[0] as Decision)},m end`;
  const split = emitSplit(rule.split.salt, variantsOf(compiled, index), decisions, outcomes);
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

function createOutcomes(): Outcomes {
  const places = new Map<Decision, number>();
  return {
    indexOf: (outcome) => {
      const place = places.get(outcome) ?? places.size + 1;
      places.set(outcome, place);
      return place;
    },
    emitted: () => [...places.keys()].map(emitOutcome),
  };
}

/** A decision as what of its headers is not the objective's: see selection/lua/filter/outcomes.lua. */
function emitOutcome(decision: Decision): string {
  const { model, version, rule, variant, reason } = decision;
  const target = luaString(`${model}@${version}`);
  const parameters = parametersInConfig(decision);
  const rest = [
    reason === "default" ? "nil" : luaString(rule),
    variant === null ? "false" : luaString(variant),
    parameters === "{}" ? "nil" : luaString(parameters),
    reason === "experiment" ? "true" : "nil",
  ];
  while (["nil", "false"].includes(rest.at(-1) ?? "")) rest.pop();
  return emitList([target, ...rest]);
}

function emitList(members: readonly string[]): string {
  return `{${members.join(",")}}`;
}
