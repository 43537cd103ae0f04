import type { Rule, Variant } from "../config/documents/objective.ts";
import type { Predicate } from "./conditions.ts";
import type { Context } from "./context.ts";
import { KeptDecision } from "./kept-decision.ts";
import { type Choice, type DecisionSource, makeDecision } from "./make-decision.ts";
import { murmur3Resume } from "./murmur3.ts";
import { type ArmScores, pickByBucket, type Split } from "./rendezvous.ts";

/**
 * All that is read of an objective's rules to decide, in one array. Of ten thousand objectives nothing is in the processor's
 * caches, so that what a decision takes is how often it has to wait for memory: here once or twice, where rules, splits,
 * lists and outcomes as objects made it ten times. First the number of rules and the default's decision; then the rules'
 * predicates, which are tried in turn; then a row for each rule; then each rule's decisions, arm by arm. Decisions are null until
 * they are asked for.
 */
export type RuleTable = unknown[];

/** A compiled objective, as far as its rules decide. */
export type Ruled = DecisionSource & RuleTable;

const head = { rules: 0, fallback: 1, length: 2 } as const;
/** `arms` is null for a rule without a split; `hash` and what follows are its split's Murmur3State. */
const row = { arms: 0, hash: 1, block: 2, blockBits: 3, bytes: 4, decisions: 5, length: 6 } as const;

export type TableRule = {
  readonly predicate: Predicate;
  /** Null for a rule that serves one model version. */
  readonly split: Split | null;
};

/** How long the table of these rules is. */
export function tableLength(rules: readonly TableRule[]): number {
  const arms = rules.reduce((sum, { split }) => sum + armCount(split?.shared ?? null), 0);
  return rowOf(rules.length, rules.length) + arms;
}

/** Fills a table of the right length. */
export function fillTable(table: RuleTable, rules: readonly TableRule[]): void {
  table.fill(null);
  table[head.rules] = rules.length;
  let decisions = rowOf(rules.length, rules.length);
  for (const [rule, { predicate, split }] of rules.entries()) {
    const { shared, hash, block, blockBits, bytes } = split ?? withoutSplit;
    table[head.length + rule] = predicate;
    const at = rowOf(rules.length, rule);
    table[at + row.arms] = shared;
    table[at + row.hash] = hash;
    table[at + row.block] = block;
    table[at + row.blockBits] = blockBits;
    table[at + row.bytes] = bytes;
    table[at + row.decisions] = decisions;
    decisions += armCount(shared);
  }
}

const withoutSplit = { shared: null, hash: 0, block: 0, blockBits: 0, bytes: 0 } as const;

function rowOf(rules: number, rule: number): number {
  return head.length + rules + rule * row.length;
}

function armCount(arms: ArmScores | null): number {
  return arms === null ? 1 : arms.weights.length;
}

export function ruleCount(table: RuleTable): number {
  return table[head.rules] as number;
}

/** Whether the condition of a rule holds. */
export function ruleMatches(table: RuleTable, rule: number, context: Context): boolean {
  return (table[head.length + rule] as Predicate)(context);
}

/** What a rule that matches decides for a unit; undefined for a split without a unit, or whose weights are all 0. */
export function ruleDecision(ruled: Ruled, rule: number, unit: string | null): KeptDecision | undefined {
  const at = rowOf(ruleCount(ruled), rule);
  const arms = ruled[at + row.arms] as ArmScores | null;
  if (arms === null) return armDecision(ruled, rule, 0);
  if (unit === null) return undefined;
  const arm = pickByBucket(arms, bucketOf(ruled, at, unit));
  return arm === -1 ? undefined : armDecision(ruled, rule, arm);
}

/** The decisions of a rule: one for each arm of its split, in its order; or the one of the version served. */
export function armDecisions(ruled: Ruled, rule: number): readonly KeptDecision[] {
  const arms = ruled[rowOf(ruleCount(ruled), rule) + row.arms] as ArmScores | null;
  return Array.from({ length: armCount(arms) }, (_, arm) => armDecision(ruled, rule, arm));
}

/** What holds when no rule decides. */
export function defaultDecision(ruled: Ruled): KeptDecision {
  return (ruled[head.fallback] as KeptDecision | null) ?? keep(ruled, head.fallback, defaultChoice(ruled));
}

function armDecision(ruled: Ruled, rule: number, arm: number): KeptDecision {
  const at = (ruled[rowOf(ruleCount(ruled), rule) + row.decisions] as number) + arm;
  return (ruled[at] as KeptDecision | null) ?? keep(ruled, at, armChoice(ruled, rule, arm));
}

function keep(ruled: Ruled, at: number, choice: Choice): KeptDecision {
  const decision = new KeptDecision(makeDecision(ruled, choice));
  ruled[at] = decision;
  return decision;
}

function armChoice({ objective }: Ruled, index: number, arm: number): Choice {
  const rule = objective.spec.rules[index] as Rule;
  if (rule.serve) return { target: rule.serve, rule: rule.name, variant: null, reason: "rule" };
  const variant = rule.split?.variants[arm] as Variant;
  return { target: variant, rule: rule.name, variant: variant.name, reason: "rule" };
}

function defaultChoice({ objective }: Ruled): Choice {
  return { target: objective.spec.default, rule: "default", variant: null, reason: "default" };
}

function bucketOf(table: RuleTable, at: number, unit: string): number {
  return murmur3Resume(
    table[at + row.hash] as number,
    table[at + row.block] as number,
    table[at + row.blockBits] as number,
    table[at + row.bytes] as number,
    unit,
  );
}
