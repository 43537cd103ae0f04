import type { Condition, Operators, Scalar } from "../config/documents/condition.ts";
import type { Audiences } from "./audience.ts";
import type { Context } from "./context.ts";
import { compileOperator, type OperatorName, type Test } from "./operators.ts";

/** Whether a context satisfies a condition. Never throws. */
export type Predicate = (context: Context) => boolean;

/** A condition in the form that evaluation and explanation share: terms under `all`, `any` and `not`. */
export type ConditionNode =
  | {
      readonly kind: "term";
      readonly attribute: string;
      readonly operator: OperatorName;
      readonly operand: NonNullable<Operators[OperatorName]>;
      readonly test: Test;
    }
  | { readonly kind: "all" | "any"; readonly nodes: readonly ConditionNode[] }
  | { readonly kind: "not"; readonly node: ConditionNode };

/**
 * Parses a valid condition; one that is absent, or `{}`, is true of every context. Without `audiences`, nobody is in any.
 */
export function parseCondition(condition: Condition | undefined, audiences?: Audiences): ConditionNode {
  const parse = (part: Condition) => parseCondition(part, audiences);
  const nodes: ConditionNode[] = [];
  for (const [key, value] of Object.entries(condition ?? {})) {
    if (value === undefined) continue;
    if (key === "and") nodes.push({ kind: "all", nodes: (value as readonly Condition[]).map(parse) });
    else if (key === "or") nodes.push({ kind: "any", nodes: (value as readonly Condition[]).map(parse) });
    else if (key === "not") nodes.push({ kind: "not", node: parse(value as Condition) });
    else nodes.push(...parseTerms(key, value as Scalar | Operators, audiences));
  }
  return nodes.length === 1 && nodes[0] !== undefined ? nodes[0] : { kind: "all", nodes };
}

function parseTerms(attribute: string, value: Scalar | Operators, audiences?: Audiences): ConditionNode[] {
  const operators = typeof value === "object" ? value : { eq: value };
  const entries = Object.entries(operators) as [OperatorName, Operators[OperatorName]][];
  return entries.flatMap(([operator, operand]) =>
    operand === undefined
      ? []
      : [{ kind: "term", attribute, operator, operand, test: compileOperator(operator, operand, audiences) }],
  );
}

/** The condition as one closure. */
export function compileCondition(node: ConditionNode): Predicate {
  switch (node.kind) {
    case "term": {
      const { attribute, test } = node;
      return (context) => test(context[attribute]);
    }
    case "not": {
      const inner = compileCondition(node.node);
      return (context) => !inner(context);
    }
    case "all":
      return all(node.nodes.map(compileCondition));
    case "any":
      return any(node.nodes.map(compileCondition));
    default:
      return node satisfies never;
  }
}

function all(predicates: readonly Predicate[]): Predicate {
  const [first, second] = predicates;
  if (first === undefined) return () => true;
  if (second === undefined) return first;
  if (predicates.length === 2) return (context) => first(context) && second(context);
  return (context) => {
    for (const predicate of predicates) if (!predicate(context)) return false;
    return true;
  };
}

function any(predicates: readonly Predicate[]): Predicate {
  return (context) => {
    for (const predicate of predicates) if (predicate(context)) return true;
    return false;
  };
}
