import type { CompiledObjective } from "./compile.ts";
import type { Context } from "./context.ts";
import type { Decision, Override } from "./decision.ts";
import { armOf, experimentDecision } from "./experiment.ts";
import { findVersion, makeDecision } from "./make-decision.ts";
import { nextMatch } from "./rule-index.ts";
import { defaultDecision, ruleDecision } from "./rule-table.ts";
import { SelectionError } from "./selection-error.ts";
import { unitOf } from "./unit.ts";

export type SelectOptions = {
  /** Already authorised: whether the caller may ask for it is not decided here. */
  readonly override?: Override;
  /**
   * Milliseconds since the epoch; only experiments with a start or an end depend on it. The clock's time when absent.
   */
  readonly now?: number;
};

/**
 * Which model version answers for a context. Deterministic: the same context and revision give the same decision on
 * every machine; of an objective under an experiment with a start or an end, at the same time. Never throws for any context; throws `override_unknown_version` for an override that is not a version
 * of one of the objective's models.
 *
 * Steps, first answer wins: the override, the experiments, the rules in their order, the default.
 */
export function select(compiled: CompiledObjective, context: Context, options?: SelectOptions): Decision {
  if (options?.override !== undefined) return decideByOverride(compiled, options.override);
  if (compiled.experiments.length === 0) return decideByRules(compiled, context, false);
  return decideByExperiments(compiled, context, options?.now ?? Date.now());
}

function decideByExperiments(compiled: CompiledObjective, context: Context, nowMs: number): Decision {
  let unitMissing = false;
  for (const experiment of compiled.experiments) {
    const arm = armOf(experiment, context, nowMs);
    if (typeof arm === "number") {
      const decision = experimentDecision(experiment, arm, compiled);
      return unitMissing ? decision.unitMissing : decision;
    }
    unitMissing ||= arm === "unit_missing";
  }
  return decideByRules(compiled, context, unitMissing);
}

function decideByRules(compiled: CompiledObjective, context: Context, unitMissingBefore: boolean): Decision {
  const unit = unitOf(context, compiled.unit);
  let unitMissing = unitMissingBefore;
  const { index } = compiled;
  for (
    let rule = nextMatch(compiled, index, context, 0);
    rule !== -1;
    rule = nextMatch(compiled, index, context, rule + 1)
  ) {
    const decision = ruleDecision(compiled, rule, unit);
    if (decision !== undefined) return unitMissing ? decision.unitMissing : decision;
    unitMissing ||= unit === null;
  }
  const decision = defaultDecision(compiled);
  return unitMissing ? decision.unitMissing : decision;
}

function decideByOverride(compiled: CompiledObjective, override: Override): Decision {
  const { objective, models } = compiled;
  const model = override.model ?? objective.spec.default.model;
  const { version } = override;
  if (findVersion(models, model, version) === undefined) {
    throw new SelectionError("override_unknown_version", unknownVersionMessage(compiled, `${model}@${version}`));
  }
  const target = { model, version };
  return makeDecision(compiled, { target, rule: "override", variant: null, reason: "override" });
}

const versionsInMessage = 20;

function unknownVersionMessage(compiled: CompiledObjective, wanted: string): string {
  const known = [...compiled.models.values()].flatMap((model) =>
    model.spec.versions.map(({ version }) => `${model.metadata.name}@${version}`),
  );
  const shown = known.slice(0, versionsInMessage).join(", ");
  const more = known.length > versionsInMessage ? ` and ${known.length - versionsInMessage} more` : "";
  return `Objective ${compiled.name} has no model version ${wanted.slice(0, 200)}; it has ${shown}${more}`;
}
