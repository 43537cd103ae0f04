import { createAttached } from "../config/attached.ts";
import {
  type Condition,
  type Operators,
  operators as operatorsSchema,
  type Scalar,
} from "../config/documents/condition.ts";
import type { Audiences } from "./audience.ts";
import type { Context } from "./context.ts";
import { compileOperator, type OperatorName, type Test } from "./operators.ts";
import { createWeakPool } from "./weak-pool.ts";

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

// Most objectives ask for the same few things: equal conditions, and equal parts of them, are one.
const nodes = createWeakPool<ConditionNode>();
const predicates = createAttached<ConditionNode, Predicate>();

/**
 * Parses a valid condition; one that is absent, or `{}`, is true of every context. Without `audiences`, nobody is in any.
 * Equal conditions give the same node, but for those that ask for audiences, which change by themselves.
 */
export function parseCondition(condition: Condition | undefined, audiences?: Audiences): ConditionNode {
  const text = JSON.stringify(condition ?? {});
  const parse = () => parseNew(condition ?? {}, audiences);
  return text.includes('"inAudience"') ? parse() : nodes.get(text, parse);
}

function parseNew(condition: Condition, audiences?: Audiences): ConditionNode {
  const { and, or, not, ...attributes } = condition;
  const parse = (part: Condition) => parseCondition(part, audiences);
  const parts: ConditionNode[] = [];
  if (and) parts.push({ kind: "all", nodes: and.map(parse) });
  if (or) parts.push({ kind: "any", nodes: or.map(parse) });
  if (not) parts.push({ kind: "not", node: parse(not) });
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value !== undefined) parts.push(...parseTerms(attribute, value as Scalar | Operators, audiences));
  }
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind: "all", nodes: parts };
}

// In the order of the schema, as `and`, `or` and `not` come first: what is made of a condition is not to depend on the
// order in which somebody wrote its fields, or the store keeps them.
const operatorNames = Object.keys(operatorsSchema.shape) as readonly OperatorName[];

function parseTerms(attribute: string, value: Scalar | Operators, audiences?: Audiences): ConditionNode[] {
  const operators = typeof value === "object" ? value : { eq: value };
  return operatorNames.flatMap((operator) => {
    const operand: Operators[OperatorName] = operators[operator];
    if (operand === undefined) return [];
    const parse = (): ConditionNode => {
      return { kind: "term", attribute, operator, operand, test: compileOperator(operator, operand, audiences) };
    };
    return operator === "inAudience" ? parse() : nodes.get(JSON.stringify([attribute, operator, operand]), parse);
  });
}

/** The condition as one closure, the same for the same node. */
export function compileCondition(node: ConditionNode): Predicate {
  const known = predicates.get(node);
  if (known !== undefined) return known;
  const predicate = compileNew(node);
  predicates.set(node, predicate);
  return predicate;
}

function compileNew(node: ConditionNode): Predicate {
  switch (node.kind) {
    case "term":
      return compileTerm(node);
    case "not": {
      const inner = compileCondition(node.node);
      return (context) => !inner(context);
    }
    case "all":
      return compileAll(node.nodes);
    case "any":
      return any(node.nodes.map(compileCondition));
    default:
      return node satisfies never;
  }
}

type Term = Extract<ConditionNode, { kind: "term" }>;

function compileTerm({ attribute, operator, operand, test }: Term): Predicate {
  // The commonest by far needs no function within a function.
  if (operator === "eq") return (context) => context[attribute] === operand;
  return (context) => test(context[attribute]);
}

/** Two attributes of certain values are what most rules ask for: one function reads both, instead of calling two others. */
function compileAll(nodes: readonly ConditionNode[]): Predicate {
  const [first, second] = nodes;
  if (nodes.length !== 2 || !isEquality(first) || !isEquality(second)) return all(nodes.map(compileCondition));
  const { attribute, operand } = first;
  const { attribute: other, operand: otherOperand } = second;
  return (context) => context[attribute] === operand && context[other] === otherOperand;
}

function isEquality(node: ConditionNode | undefined): node is Term {
  return node?.kind === "term" && node.operator === "eq";
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
