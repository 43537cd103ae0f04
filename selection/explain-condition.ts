import type { Operators } from "../config/documents/condition.ts";
import type { ConditionNode } from "./conditions.ts";
import { type Context, isPresent } from "./context.ts";
import type { OperatorName } from "./operators.ts";

/** Whether a condition holds, and the terms that settle it: those that fail, or all that hold. */
export type ConditionExplanation = { readonly holds: boolean; readonly why: readonly string[] };

type Term = Extract<ConditionNode, { kind: "term" }>;

/** Evaluates a condition term by term, such as `country: found "DE", wanted "US"`. Never throws. */
export function explainCondition(node: ConditionNode, context: Context): ConditionExplanation {
  switch (node.kind) {
    case "term":
      return explainTerm(node, context);
    case "not": {
      const inner = explainCondition(node.node, context);
      const verb = inner.holds ? "holds" : "does not hold";
      return { holds: !inner.holds, why: [`not: the condition inside ${verb} (${inner.why.join("; ")})`] };
    }
    case "all":
      return explainAll(node.nodes.map((child) => explainCondition(child, context)));
    case "any":
      return explainAny(node.nodes.map((child) => explainCondition(child, context)));
    default:
      return node satisfies never;
  }
}

function explainAll(parts: readonly ConditionExplanation[]): ConditionExplanation {
  if (parts.length === 0) return { holds: true, why: ["no condition: always matches"] };
  const failing = parts.filter((part) => !part.holds);
  const settling = failing.length > 0 ? failing : parts;
  return { holds: failing.length === 0, why: settling.flatMap((part) => part.why) };
}

function explainAny(parts: readonly ConditionExplanation[]): ConditionExplanation {
  const holding = parts.find((part) => part.holds);
  if (holding) return { holds: true, why: holding.why };
  const alternatives = parts.map((part) => `(${part.why.join("; ")})`).join(" or ");
  return { holds: false, why: [`none of ${parts.length} alternatives holds: ${alternatives}`] };
}

function explainTerm(term: Term, context: Context): ConditionExplanation {
  const value: unknown = context[term.attribute];
  const found = isPresent(value) ? `found ${show(value)}` : "missing";
  const why = `${term.attribute}: ${found}, wanted ${wanted(term.operator, term.operand)}`;
  return { holds: term.test(value), why: [why] };
}

function wanted(operator: OperatorName, operand: NonNullable<Operators[OperatorName]>): string {
  switch (operator) {
    case "eq":
      return show(operand);
    case "ne":
      return `a ${typeof operand} other than ${show(operand)}`;
    case "in":
      return `one of ${show(operand)}`;
    case "notIn":
      return `none of ${show(operand)}`;
    case "lt":
      return `< ${operand}`;
    case "lte":
      return `<= ${operand}`;
    case "gt":
      return `> ${operand}`;
    case "gte":
      return `>= ${operand}`;
    case "startsWith":
      return `to start with ${show(operand)}`;
    case "endsWith":
      return `to end with ${show(operand)}`;
    case "contains":
      return `to contain ${show(operand)}`;
    case "semver":
      return `a version in ${show(operand)}`;
    case "matches":
      return `to match ${show(operand)}`;
    case "inAudience":
      return `to be in audience ${show(operand)}`;
    case "exists":
      return operand ? "to be present" : "to be absent";
    default:
      return operator satisfies never;
  }
}

const shownCharacters = 100;
const shownValues = 10;

/** Operands, and attributes of whatever type a caller passed. */
function show(value: unknown): string {
  return Array.isArray(value) ? showList(value) : showScalar(value);
}

function showScalar(value: unknown): string {
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean")
    return Array.isArray(value) ? "a list" : `no value (${value === null ? "null" : typeof value})`;
  const text = typeof value === "number" ? String(value) : JSON.stringify(value);
  if (text.length <= shownCharacters) return text;
  return `${text.slice(0, shownCharacters)}… (${String(value).length} characters)`;
}

function showList(values: readonly unknown[]): string {
  const shown = values.slice(0, shownValues).map(showScalar).join(", ");
  const more = values.length > shownValues ? ` and ${values.length - shownValues} more` : "";
  return `[${shown}${more}]`;
}
