import type { Operators, Scalar } from "../config/documents/condition.ts";
import { compilePattern } from "../config/pattern.ts";
import { compileVersionRange } from "../config/version-range.ts";
import { type Audiences, type Membership, noAudiences } from "./audience.ts";
import { isPresent } from "./context.ts";
import { unitText } from "./unit.ts";

export type OperatorName = keyof Operators;

/** Whether an attribute's value (undefined when it is absent) satisfies one operator. Never throws. */
export type Test = (value: unknown) => boolean;

/**
 * One operator made ready. A value that is absent, or of a type that the operand does not have (a number where the
 * operand is a string), makes it false: `ne` and `notIn` too. Only `exists: false` is true of an absent value.
 * Throws when a pattern or a version range cannot be parsed, which document validation refuses.
 */
export function compileOperator(
  operator: OperatorName,
  operand: NonNullable<Operators[OperatorName]>,
  audiences: Audiences = noAudiences,
): Test {
  switch (operator) {
    case "eq":
      return (value) => value === operand;
    case "ne":
      return (value) => typeof value === typeof operand && value !== operand && isPresent(value);
    case "in":
      return isIn(operand as readonly Scalar[]);
    case "notIn":
      return isNotIn(operand as readonly Scalar[]);
    case "lt":
      return (value) => typeof value === "number" && value < (operand as number);
    case "lte":
      return (value) => typeof value === "number" && value <= (operand as number);
    case "gt":
      return (value) => typeof value === "number" && value > (operand as number);
    case "gte":
      return (value) => typeof value === "number" && value >= (operand as number);
    case "startsWith":
      return (value) => typeof value === "string" && value.startsWith(operand as string);
    case "endsWith":
      return (value) => typeof value === "string" && value.endsWith(operand as string);
    case "contains":
      return contains(operand as Scalar);
    case "semver":
      return ofText(compileVersionRange(operand as string));
    case "matches":
      return ofText(compilePattern(operand as string));
    case "inAudience":
      return isMember(audiences(operand as string));
    case "exists":
      return (value) => isPresent(value) === operand;
    default:
      return operator satisfies never;
  }
}

function isMember(audience: Membership): Test {
  return (value) => {
    const text = unitText(value);
    return text !== null && audience.has(text);
  };
}

function isIn(operands: readonly Scalar[]): Test {
  const members = new Set<unknown>(operands);
  return (value) => members.has(value);
}

function isNotIn(operands: readonly Scalar[]): Test {
  const members = new Set<unknown>(operands);
  const types = new Set(operands.map((operand) => typeof operand) as string[]);
  return (value) => types.has(typeof value) && !members.has(value) && isPresent(value);
}

function contains(operand: Scalar): Test {
  return (value) => {
    if (typeof value === "string") return typeof operand === "string" && value.includes(operand);
    return Array.isArray(value) && value.includes(operand);
  };
}

/** A test by a pattern or version range; one that cannot be compiled is refused with the document that holds it. */
function ofText(compiled: ReturnType<typeof compilePattern> | ReturnType<typeof compileVersionRange>): Test {
  if (!compiled.ok) throw new Error(compiled.reason);
  const { test } = compiled;
  return (value) => typeof value === "string" && test(value);
}
