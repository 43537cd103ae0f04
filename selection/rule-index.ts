import type { Scalar } from "../config/documents/condition.ts";
import type { ConditionNode } from "./conditions.ts";
import type { Context } from "./context.ts";
import { type RuleTable, ruleCount, ruleMatches } from "./rule-table.ts";

/** Leaves few of many rules whose conditions have to be evaluated. */
export type RuleIndex = { readonly first: AttributeIndex; readonly second: AttributeIndex };

/** Fewer rules have no index. */
const indexFromRules = 8;
/** An `in` of more values than this is left to the rule's own condition, which bounds the size of the index. */
const valuesPerTerm = 256;

/** Null for few rules: trying each in turn is as fast. */
export function indexRules(conditions: readonly ConditionNode[]): RuleIndex | null {
  const [first, second] = conditions.length < indexFromRules ? [] : busiestAttributes(conditions);
  if (first === undefined) return null;
  return { first: indexAttribute(first, conditions), second: indexAttribute(second ?? first, conditions) };
}

/** The first rule at or after `from` whose condition holds; -1 when there is none. Never throws. */
export function nextMatch(table: RuleTable, index: RuleIndex | null, context: Context, from: number): number {
  return index === null ? matchInTurn(table, context, from) : matchByIndex(table, index, context, from);
}

function matchInTurn(table: RuleTable, context: Context, from: number): number {
  const rules = ruleCount(table);
  for (let rule = from; rule < rules; rule += 1) {
    if (ruleMatches(table, rule, context)) return rule;
  }
  return -1;
}

/** A set of rules: bit `rule % 32` of word `rule / 32`. */
type RuleSet = Int32Array;

type AttributeIndex = {
  readonly attribute: string;
  /** The rules that can match when the attribute has this value. */
  readonly byValue: ReadonlyMap<unknown, RuleSet>;
  /** The rules that can match whatever the value, and when there is none. */
  readonly always: RuleSet;
};

/**
 * Finds the first matching rule without trying each: most rules ask for certain values of the same one or two
 * attributes (`country: US`), so the value found leaves few rules whose conditions have to be evaluated.
 */
function matchByIndex(table: RuleTable, { first, second }: RuleIndex, context: Context, from: number): number {
  const some = first.byValue.get(context[first.attribute]) ?? first.always;
  const others = second.byValue.get(context[second.attribute]) ?? second.always;
  const words = some.length;
  const firstWord = from >>> 5;
  for (let word = firstWord; word < words; word += 1) {
    let rules = (some[word] as number) & (others[word] as number);
    if (word === firstWord) rules &= -1 << (from & 31);
    while (rules !== 0) {
      const lowest = rules & -rules;
      const rule = (word << 5) + 31 - Math.clz32(lowest);
      if (ruleMatches(table, rule, context)) return rule;
      rules ^= lowest;
    }
  }
  return -1;
}

/** The two attributes that the most rules ask for certain values of, the busiest first. */
function busiestAttributes(conditions: readonly ConditionNode[]): string[] {
  const rulesOf = new Map<string, number>();
  for (const condition of conditions) {
    for (const attribute of new Set(certainValues(condition).map((term) => term.attribute))) {
      rulesOf.set(attribute, (rulesOf.get(attribute) ?? 0) + 1);
    }
  }
  const busiest = [...rulesOf].filter(([, rules]) => rules > 1).sort(([, a], [, b]) => b - a);
  return busiest.slice(0, 2).map(([attribute]) => attribute);
}

function indexAttribute(attribute: string, conditions: readonly ConditionNode[]): AttributeIndex {
  const always = new Int32Array(Math.ceil(conditions.length / 32));
  const constrained: { readonly rule: number; readonly values: readonly Scalar[] }[] = [];
  for (const [rule, condition] of conditions.entries()) {
    const [term] = certainValues(condition).filter((candidate) => candidate.attribute === attribute);
    if (term) constrained.push({ rule, values: term.values });
    else add(always, rule);
  }
  const byValue = new Map<unknown, RuleSet>();
  for (const { rule, values } of constrained) {
    for (const value of values) {
      const rules = byValue.get(value) ?? always.slice();
      add(rules, rule);
      byValue.set(value, rules);
    }
  }
  return { attribute, byValue, always };
}

function add(rules: RuleSet, rule: number): void {
  rules[rule >>> 5] = (rules[rule >>> 5] as number) | (1 << (rule & 31));
}

/** The terms without which a condition cannot hold and that name all values they allow: `eq` and `in`, outside `or` and `not`. */
function certainValues(node: ConditionNode): { readonly attribute: string; readonly values: readonly Scalar[] }[] {
  if (node.kind === "all") return node.nodes.flatMap(certainValues);
  if (node.kind !== "term") return [];
  if (node.operator === "eq") return [{ attribute: node.attribute, values: [node.operand as Scalar] }];
  const values = node.operator === "in" ? (node.operand as readonly Scalar[]) : [];
  return values.length === 0 || values.length > valuesPerTerm ? [] : [{ attribute: node.attribute, values }];
}
