import type { Predicate } from "./conditions.ts";
import type { Context } from "./context.ts";
import type { Decision, Outcome } from "./decision.ts";
import { murmur3Resume } from "./murmur3.ts";
import { type ArmScores, pickByBucket, type Split } from "./rendezvous.ts";

/**
 * All that is read of an objective's rules to decide, in one array. Of ten thousand objectives nothing is in the processor's
 * caches, so that what a decision takes is how often it has to wait for memory: here once or twice, where rules, splits,
 * lists and outcomes as objects made it ten times. First the number of rules and the two forms of the default; then a row
 * for each rule; then both forms of each rule's decisions, arm by arm.
 */
export type RuleTable = readonly unknown[];

const head = { rules: 0, fallback: 1, length: 3 } as const;
/** `arms` is null for a rule without a split; `hash` and what follows are its split's Murmur3State. */
const row = { predicate: 0, arms: 1, hash: 2, block: 3, blockBits: 4, bytes: 5, decisions: 6, length: 7 } as const;

export type TableRule = {
  readonly predicate: Predicate;
  /** Null for a rule that serves one model version. */
  readonly split: Split | null;
  /** One for each arm of the split, in its order; or the one of the version served. */
  readonly outcomes: readonly Outcome[];
};

export function createRuleTable(rules: readonly TableRule[], fallback: Outcome): RuleTable {
  const rows: unknown[] = [];
  const decisions: Decision[] = [];
  const firstDecision = head.length + rules.length * row.length;
  for (const { predicate, split, outcomes } of rules) {
    const { shared, hash, block, blockBits, bytes } = split ?? withoutSplit;
    rows.push(predicate, shared, hash, block, blockBits, bytes, firstDecision + decisions.length);
    decisions.push(...outcomes.flatMap(formsOf));
  }
  return [rules.length, ...formsOf(fallback), ...rows, ...decisions];
}

const withoutSplit = { shared: null, hash: 0, block: 0, blockBits: 0, bytes: 0 } as const;

function formsOf({ decided, unitMissing }: Outcome): [Decision, Decision] {
  return [decided, unitMissing];
}

export function ruleCount(table: RuleTable): number {
  return table[head.rules] as number;
}

/** Whether the condition of a rule holds. */
export function ruleMatches(table: RuleTable, rule: number, context: Context): boolean {
  return (table[head.length + rule * row.length + row.predicate] as Predicate)(context);
}

/** What a rule that matches decides for a unit; undefined for a split without a unit, or whose weights are all 0. */
export function ruleDecision(
  table: RuleTable,
  rule: number,
  unit: string | null,
  unitMissing: boolean,
): Decision | undefined {
  const at = head.length + rule * row.length;
  const arms = table[at + row.arms] as ArmScores | null;
  let arm = 0;
  if (arms !== null) {
    if (unit === null) return undefined;
    arm = pickByBucket(arms, bucketOf(table, at, unit));
    if (arm === -1) return undefined;
  }
  const decisions = table[at + row.decisions] as number;
  return table[decisions + 2 * arm + (unitMissing ? 1 : 0)] as Decision;
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

/** What holds when no rule decides. */
export function defaultDecision(table: RuleTable, unitMissing: boolean): Decision {
  return table[head.fallback + (unitMissing ? 1 : 0)] as Decision;
}
