import type { CompiledObjective } from "../selection/compile.ts";
import type { Context } from "../selection/context.ts";
import type { Decision } from "../selection/decision.ts";
import { select } from "../selection/select.ts";

/** A share of the contexts counted, and how far it may be from the truth: 95 of 100 samples are nearer. */
export type Share = {
  readonly count: number;
  readonly percent: number;
  /** Half the width of the confidence interval, in percentage points. */
  readonly marginPercent: number;
};

/** The contexts that one rule and variant answered with one model version. */
export type VariantShare = Share & {
  readonly rule: string;
  /** Null where nothing was split. */
  readonly variant: string | null;
  /** `<model>@<version>` */
  readonly version: string;
};

/** The contexts that go from one model version to another; null where there is no such objective. */
export type Move = Share & { readonly from: string | null; readonly to: string | null };

export type TallyResult = {
  readonly contexts: number;
  readonly before: readonly VariantShare[];
  readonly after: readonly VariantShare[];
  /** Those whose model version differs between the two. */
  readonly moved: Share;
  /** Where they go, the largest first. */
  readonly moves: readonly Move[];
};

export type Tally = {
  add(context: Context): void;
  result(): TallyResult;
};

/**
 * Counts what the real selection decides for contexts, by an objective before a change and after it; undefined is an
 * objective that does not exist then. `nowMs` (since the epoch) is the time by which experiments run. Keeps counts only, so
 * that any number of contexts may be added.
 */
export function createTally(
  before: CompiledObjective | undefined,
  after: CompiledObjective | undefined,
  nowMs: number,
): Tally {
  const counts = { before: new Map<string, Counted>(), after: new Map<string, Counted>() };
  const moves = new Map<string, { readonly from: string | null; readonly to: string | null; count: number }>();
  let contexts = 0;
  const decide = (compiled: CompiledObjective | undefined, context: Context, side: Map<string, Counted>) => {
    if (!compiled) return null;
    const decision = select(compiled, context, { now: nowMs });
    const key = `${decision.rule}\n${decision.variant}\n${decision.model}@${decision.version}`;
    const counted = side.get(key);
    if (counted) counted.count += 1;
    else side.set(key, { decision, count: 1 });
    return versionOf(decision);
  };
  return {
    add(context) {
      contexts += 1;
      const from = decide(before, context, counts.before);
      const to = before === after ? from : decide(after, context, counts.after);
      if (from === to) return;
      const key = `${from}\n${to}`;
      const move = moves.get(key);
      if (move) move.count += 1;
      else moves.set(key, { from, to, count: 1 });
    },
    result() {
      const movedCount = [...moves.values()].reduce((sum, { count }) => sum + count, 0);
      const shares = (side: Map<string, Counted>) => [...side.values()].map((each) => variantShare(each, contexts));
      return {
        contexts,
        before: shares(counts.before),
        after: shares(before === after ? counts.before : counts.after),
        moved: shareOf(movedCount, contexts),
        moves: [...moves.values()]
          .sort((a, b) => b.count - a.count)
          .map(({ from, to, count }) => ({ from, to, ...shareOf(count, contexts) })),
      };
    },
  };
}

type Counted = { readonly decision: Decision; count: number };

function versionOf({ model, version }: Decision): string {
  return `${model}@${version}`;
}

function variantShare({ decision, count }: Counted, contexts: number): VariantShare {
  const { rule, variant } = decision;
  return { rule, variant, version: versionOf(decision), ...shareOf(count, contexts) };
}

/** Wilson's interval, which also tells the truth about shares near 0 and 100. */
function shareOf(count: number, of: number): Share {
  if (of === 0) return { count, percent: 0, marginPercent: 100 };
  const z = 1.96;
  const share = count / of;
  const halfWidth = (z / (1 + z ** 2 / of)) * Math.sqrt((share * (1 - share)) / of + z ** 2 / (4 * of ** 2));
  return { count, percent: 100 * share, marginPercent: 100 * halfWidth };
}
