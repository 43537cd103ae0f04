import { type CompiledObjective, type CompiledRule, variantsOf } from "./compile.ts";
import type { Context } from "./context.ts";
import type { Decision } from "./decision.ts";
import { armOf, type CompiledExperiment, type Refusal } from "./experiment.ts";
import { explainAdmission } from "./explain-admission.ts";
import { explainCondition } from "./explain-condition.ts";
import type { Target } from "./make-decision.ts";
import { pickArm, type Split, scoreArms } from "./rendezvous.ts";
import { type SelectOptions, select } from "./select.ts";
import { unitOf } from "./unit.ts";

/**
 * - `chosen`: this rule decided;
 * - `not_matched`: its condition does not hold;
 * - `passed_over`: its condition holds, but its split could not be decided: no unit, or every weight 0;
 * - `not_reached`: an earlier rule, or an override, had decided already. `matches` says what it would have found.
 */
export type RuleOutcome = "chosen" | "not_matched" | "passed_over" | "not_reached";

export type RuleExplanation = {
  readonly rule: string;
  readonly outcome: RuleOutcome;
  /** Whether the rule's condition holds. */
  readonly matches: boolean;
  /** The terms that settle it, such as `country: found "DE", wanted "US"`: those that fail, or all that hold. */
  readonly why: readonly string[];
  /** Null for a rule without a split, and when there is no unit. */
  readonly split: SplitExplanation | null;
};

/**
 * - `chosen`: the experiment decided;
 * - `not_reached`: an override or an earlier experiment had decided;
 * - anything else: why it did not take the context, see {@link Refusal}.
 */
export type ExperimentOutcome = "chosen" | "not_reached" | Refusal;

export type ExperimentExplanation = {
  readonly experiment: string;
  readonly outcome: ExperimentOutcome;
  /** Whether its condition holds. */
  readonly matches: boolean;
  /** As for rules; then what its times, holdouts, layer or cells say. */
  readonly why: readonly string[];
  /** Null with cells, and when there is no unit. */
  readonly split: SplitExplanation | null;
};

export type SplitExplanation = {
  readonly salt: string;
  /** The unsigned 32-bit hash of `salt:unit`. */
  readonly bucket: number;
  readonly arms: readonly ArmExplanation[];
};

export type ArmExplanation = {
  readonly variant: string;
  readonly weight: number;
  readonly model: string;
  readonly version: string;
  /** The unsigned 32-bit hash of the arm's name, seeded with the bucket. */
  readonly hash: number;
  /** The lowest wins; null for an arm of weight 0, which never does. */
  readonly score: number | null;
  /** Whether the unit falls into this arm (of a rule that was not chosen: would fall). */
  readonly chosen: boolean;
};

export type Explanation = {
  readonly decision: Decision;
  readonly unit: { readonly attribute: string; readonly value: string | null };
  /** Every experiment that spans the objective, in order; they come before the rules. */
  readonly experiments: readonly ExperimentExplanation[];
  /** Every rule, in order, those after the deciding one too. */
  readonly rules: readonly RuleExplanation[];
};

/** Why {@link select} decides what it decides; throws where it throws. */
export function explain(compiled: CompiledObjective, context: Context, options?: SelectOptions): Explanation {
  const nowMs = options?.now ?? Date.now();
  const decision = select(compiled, context, { ...options, now: nowMs });
  const unit = unitOf(context, compiled.unit);
  let decided = options?.override !== undefined;
  const experiments = compiled.experiments.map((experiment) => {
    const explained = explainExperiment(experiment, context, nowMs);
    const outcome = decided ? ("not_reached" as const) : explained.outcome;
    decided ||= outcome === "chosen";
    return { ...explained, outcome };
  });
  const rules = compiled.rules.map((rule, index) => {
    const { holds, why } = explainCondition(rule.condition, context);
    const outcome = outcomeOf(rule, holds, unit, decided);
    decided ||= outcome === "chosen";
    const split =
      rule.split === null || unit === null ? null : explainSplit(variantsOf(compiled, index), rule.split, unit);
    const passed = outcome === "passed_over" ? [passedOver(compiled.unit, unit)] : [];
    return { rule: rule.name, outcome, matches: holds, why: [...why, ...passed], split };
  });
  return { decision, unit: { attribute: compiled.unit, value: unit }, experiments, rules };
}

function outcomeOf(rule: CompiledRule, holds: boolean, unit: string | null, decided: boolean): RuleOutcome {
  if (decided) return "not_reached";
  if (!holds) return "not_matched";
  const decides = rule.split === null || (unit !== null && pickArm(rule.split, unit) !== -1);
  return decides ? "chosen" : "passed_over";
}

function passedOver(attribute: string, unit: string | null): string {
  if (unit !== null) return "every variant of the split has weight 0";
  return `the split needs a unit, and ${attribute} is missing, empty, or neither a string nor a number`;
}

function explainSplit(targets: readonly Target[], split: Split, unit: string): SplitExplanation {
  const { bucket, scores } = scoreArms(split, unit);
  const chosen = pickArm(split, unit);
  return {
    salt: split.salt,
    bucket,
    arms: scores.map(({ name, weight, hash, score }, index) => {
      const { model, version } = targets[index] as Target;
      return {
        variant: name,
        weight,
        model,
        version,
        hash,
        score: Number.isFinite(score) ? score : null,
        chosen: index === chosen,
      };
    }),
  };
}

function explainExperiment(experiment: CompiledExperiment, context: Context, nowMs: number): ExperimentExplanation {
  const arm = armOf(experiment, context, nowMs);
  const { holds, why } = explainCondition(experiment.condition, context);
  const unit = unitOf(context, experiment.unit);
  const { allocation } = experiment;
  return {
    experiment: experiment.name,
    outcome: typeof arm === "number" ? "chosen" : arm,
    matches: holds,
    why: [...why, ...explainAdmission(experiment, context, nowMs)],
    split: allocation.by === "hash" && unit !== null ? explainSplit(experiment.targets, allocation.split, unit) : null,
  };
}
