import type { Scalar } from "../../config/documents/condition.ts";
import { literalPattern } from "../../config/literal-pattern.ts";
import { compileVersionRange, type VersionComparator } from "../../config/version-range.ts";
import type { ConditionNode } from "../conditions.ts";
import { luaNumber, luaScalar, luaString } from "./literal.ts";

/** Where the values of a program go that its function refers to, and which attribute has which place. */
export type ProgramData = {
  /** The Lua expression of an attribute's value, nil when it is absent. */
  attribute(name: string): string;
  /** The Lua expression of the text of a unit, nil when it is missing. */
  unit(attribute: string): string;
  /** The Lua expression of a constant, given as a Lua expression; of equal ones, the same. */
  constant(expression: string): string;
};

type Term = Extract<ConditionNode, { kind: "term" }>;

/** So many values are compared one by one; more are looked up in a table. */
const comparedValues = 4;

/** A condition as a Lua expression that is true or false, in parentheses. Throws for what `embeddingObstacles` refuses. */
export function emitCondition(node: ConditionNode, data: ProgramData): string {
  switch (node.kind) {
    case "term":
      return emitTerm(node, data);
    case "not":
      return `(not ${emitCondition(node.node, data)})`;
    case "all":
      return joined(node.nodes, "and", "true", data);
    case "any":
      return joined(node.nodes, "or", "false", data);
    default:
      return node satisfies never;
  }
}

function joined(nodes: readonly ConditionNode[], word: string, none: string, data: ProgramData): string {
  return nodes.length === 0 ? `(${none})` : `(${nodes.map((node) => emitCondition(node, data)).join(` ${word} `)})`;
}

function emitTerm({ attribute, operator, operand }: Term, data: ProgramData): string {
  const value = data.attribute(attribute);
  switch (operator) {
    case "eq":
      return `(${value} == ${luaScalar(operand as Scalar)})`;
    case "ne":
      return `(type(${value}) == "${typeof operand}" and ${value} ~= ${luaScalar(operand as Scalar)})`;
    case "in":
      return emitIn(value, operand as readonly Scalar[], data);
    case "notIn": {
      const types = [...new Set((operand as readonly Scalar[]).map((each) => typeof each))];
      const isOfType = types.map((type) => `type(${value}) == "${type}"`).join(" or ");
      return `((${isOfType}) and not ${emitIn(value, operand as readonly Scalar[], data)})`;
    }
    case "lt":
      return emitOrder(value, "<", operand as number);
    case "lte":
      return emitOrder(value, "<=", operand as number);
    case "gt":
      return emitOrder(value, ">", operand as number);
    case "gte":
      return emitOrder(value, ">=", operand as number);
    case "startsWith":
    case "endsWith":
      return `${operator}(${value}, ${luaString(operand as string)})`;
    case "contains":
      return `contains(${value}, ${luaScalar(operand as Scalar)})`;
    case "semver":
      return `semver(${value}, ${data.constant(emitRange(operand as string))})`;
    case "matches":
      return emitPattern(value, operand as string);
    case "exists":
      return operand ? `(${value} ~= nil)` : `(${value} == nil)`;
    default:
      throw new Error(`${operator} cannot be evaluated inside Envoy`);
  }
}

function emitOrder(value: string, comparison: string, operand: number): string {
  return `(type(${value}) == "number" and ${value} ${comparison} ${luaNumber(operand)})`;
}

function emitIn(value: string, operands: readonly Scalar[], data: ProgramData): string {
  const distinct = [...new Set(operands)];
  if (distinct.length <= comparedValues) {
    return `(${distinct.map((operand) => `${value} == ${luaScalar(operand)}`).join(" or ")})`;
  }
  const members = data.constant(`{${distinct.map((operand) => `[${luaScalar(operand)}]=true`).join(",")}}`);
  return `(${value} ~= nil and ${members}[${value}] == true)`;
}

function emitRange(range: string): string {
  const compiled = compileVersionRange(range);
  if (!compiled.ok) throw new Error(compiled.reason);
  return `{${compiled.alternatives.map((comparators) => `{${comparators.map(emitComparator).join(",")}}`).join(",")}}`;
}

function emitComparator({ operator, major, minor, patch, prerelease }: VersionComparator): string {
  const pre = prerelease.length === 0 ? "" : `,{${prerelease.map(luaScalar).join(",")}}`;
  return `{"${operator}",{${[major, minor, patch].map(luaNumber).join(",")}${pre}}}`;
}

function emitPattern(value: string, expression: string): string {
  const pattern = literalPattern(expression);
  if (pattern === null) throw new Error("a regular expression cannot be evaluated inside Envoy");
  const { text, atStart, atEnd } = pattern;
  const literal = luaString(text);
  if (atStart && atEnd) return `(${value} == ${literal})`;
  if (atStart) return `startsWith(${value}, ${literal})`;
  if (atEnd) return `endsWith(${value}, ${literal})`;
  return `(type(${value}) == "string" and contains(${value}, ${literal}))`;
}
