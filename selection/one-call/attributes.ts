import type { CompiledObjective } from "../compile.ts";
import type { ConditionNode } from "../conditions.ts";

/** What the text of a header is read as. */
export type AttributeType = "string" | "number" | "boolean" | "list";

/** A context attribute that an objective reads, and where one-call mode finds it. */
export type OneCallAttribute = {
  readonly name: string;
  /** The request header that holds it, in lower case; null for one that only baggage holds. */
  readonly header: string | null;
  /** The member of W3C baggage that holds it when the header does not; null for none. */
  readonly baggage: string | null;
  readonly type: AttributeType;
};

const prefix = "x-signalbox-context-";

/** The header that holds an attribute unless the objective names another one. Header names have no case. */
export function contextHeader(attribute: string): string {
  return prefix + attribute.toLowerCase();
}

/**
 * The attributes that an objective's rules and experiments read, the unit first, the others by name. An attribute whose
 * `type` is not given is a number when it is compared with numbers only, true or false when it is compared with those
 * only, a list when it holds an outside platform's cells, and a text otherwise.
 */
export function oneCallAttributes({ unit, rules, experiments, objective }: CompiledObjective): OneCallAttribute[] {
  const operands = new Map<string, Set<string>>([[unit, new Set()]]);
  for (const { condition } of [...rules, ...experiments]) collectOperands(condition, operands);
  for (const experiment of experiments) {
    const { allocation } = experiment;
    if (!operands.has(experiment.unit)) operands.set(experiment.unit, new Set());
    if (allocation.by === "cells") operands.set(allocation.attribute, new Set(["list"]));
  }
  const others = [...operands.keys()].filter((name) => name !== unit).sort();
  const sources = objective.spec.context ?? {};
  return [unit, ...others].map((name) => {
    const source = Object.hasOwn(sources, name) ? sources[name] : undefined;
    return {
      name,
      header: source && source.header === undefined && source.baggage ? null : (source?.header ?? contextHeader(name)),
      baggage: source && source.baggage === undefined && source.header ? null : (source?.baggage ?? name),
      type: source?.type ?? inferredType(operands.get(name) ?? new Set()),
    };
  });
}

function inferredType(types: ReadonlySet<string>): AttributeType {
  if (types.size !== 1) return "string";
  if (types.has("number")) return "number";
  if (types.has("list")) return "list";
  return types.has("boolean") ? "boolean" : "string";
}

/** `exists` compares with nothing; it adds the attribute without a type. */
function collectOperands(node: ConditionNode, operands: Map<string, Set<string>>): void {
  switch (node.kind) {
    case "term": {
      const types = operands.get(node.attribute) ?? new Set();
      if (node.operator !== "exists") for (const operand of [node.operand].flat()) types.add(typeof operand);
      operands.set(node.attribute, types);
      return;
    }
    case "not":
      collectOperands(node.node, operands);
      return;
    case "all":
    case "any":
      for (const inner of node.nodes) collectOperands(inner, operands);
      return;
    default:
      node satisfies never;
  }
}
