import type { Condition, Operators } from "../../config/documents/condition.ts";

type Json = unknown;

/**
 * Conditions interpreted straight from their documentation, as slowly and plainly as can be: what the compiled form is
 * held against. Patterns run on JavaScript's own engine and version ranges know only `>=a.b.c`, which is all that the
 * generators make.
 */
export function slowlyMatches(condition: Condition, context: { readonly [attribute: string]: Json }): boolean {
  return Object.entries(condition).every(([key, value]) => {
    if (key === "and") return (value as Condition[]).every((part) => slowlyMatches(part, context));
    if (key === "or") return (value as Condition[]).some((part) => slowlyMatches(part, context));
    if (key === "not") return !slowlyMatches(value as Condition, context);
    const found = Object.hasOwn(context, key) ? context[key] : undefined;
    const operators = (typeof value === "object" ? value : { eq: value }) as Operators;
    return Object.entries(operators).every(([operator, operand]) => holds(operator, operand, found));
  });
}

function holds(operator: string, operand: Json, found: Json): boolean {
  const isScalar =
    typeof found === "string" || typeof found === "boolean" || (typeof found === "number" && !Number.isNaN(found));
  const isList = Array.isArray(found);
  if (operator === "exists") return (isScalar || isList) === operand;
  if (operator === "contains" && isList) return (found as Json[]).some((member) => same(member, operand));
  if (!isScalar) return false;
  const list = operand as Json[];
  switch (operator) {
    case "eq":
      return same(found, operand);
    case "ne":
      return sameType(found, operand) && !same(found, operand);
    case "in":
      return list.some((member) => same(found, member));
    case "notIn":
      return list.some((member) => sameType(found, member)) && !list.some((member) => same(found, member));
  }
  if (!sameType(found, operand)) return false;
  if (typeof found === "number") return compare(operator, found, operand as number);
  return typeof found === "string" && ofText(operator, found, operand as string);
}

function compare(operator: string, found: number, operand: number): boolean {
  if (operator === "lt") return found < operand;
  if (operator === "lte") return found < operand || found === operand;
  if (operator === "gt") return found > operand;
  return operator === "gte" && (found > operand || found === operand);
}

function ofText(operator: string, found: string, operand: string): boolean {
  if (operator === "startsWith") return found.slice(0, operand.length) === operand;
  if (operator === "endsWith") return operand === "" || found.slice(-operand.length) === operand;
  if (operator === "contains") return found.split(operand).length > 1 || operand === "";
  if (operator === "matches") return new RegExp(operand, "u").test(found);
  return operator === "semver" && atLeast(found, operand.slice(2));
}

function atLeast(found: string, least: string): boolean {
  const parts = /^(\d+)\.(\d+)\.(\d+)$/.exec(found)?.slice(1).map(Number);
  const wanted = least.split(".").map(Number);
  if (parts === undefined) return false;
  const different = parts.findIndex((part, index) => part !== wanted[index]);
  return different === -1 || (parts[different] as number) > (wanted[different] as number);
}

function same(a: Json, b: Json): boolean {
  return sameType(a, b) && a === b;
}

function sameType(a: Json, b: Json): boolean {
  return typeof a === typeof b;
}
