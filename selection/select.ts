import { type CompiledObjective, type CompiledRule, decisionFor, findVersion, type Outcome } from "./compile.ts";
import type { Context } from "./context.ts";
import type { Decision, Override } from "./decision.ts";
import { SelectionError } from "./selection-error.ts";
import { unitOf } from "./unit.ts";

export type SelectOptions = {
  /** Already authorised: whether the caller may ask for it is not decided here. */
  readonly override?: Override;
};

/**
 * Which model version answers for a context. Deterministic: the same context and revision give the same decision on
 * every machine. Never throws for any context; throws `override_unknown_version` for an override that is not a version
 * of one of the objective's models.
 *
 * Steps, first answer wins: the override, the rules in their order, the default.
 */
export function select(compiled: CompiledObjective, context: Context, options?: SelectOptions): Decision {
  if (options?.override !== undefined) return decideByOverride(compiled, options.override);
  return decideByRules(compiled, context);
}

function decideByRules(compiled: CompiledObjective, context: Context): Decision {
  const unit = unitOf(context, compiled.unit);
  let unitMissing = false;
  for (let index = compiled.nextMatch(context, 0); index !== -1; index = compiled.nextMatch(context, index + 1)) {
    const outcome = decideByRule(compiled.rules[index] as CompiledRule, unit);
    if (outcome !== undefined) return unitMissing ? outcome.unitMissing : outcome.decided;
    unitMissing ||= unit === null;
  }
  return unitMissing ? compiled.fallback.unitMissing : compiled.fallback.decided;
}

/** What a rule that matches decides for a unit; undefined for a split without a unit, or whose weights are all 0. */
export function decideByRule(rule: CompiledRule, unit: string | null): Outcome | undefined {
  if (rule.split === null) return rule.outcomes[0];
  return unit === null ? undefined : rule.outcomes[rule.split.pick(unit)];
}

function decideByOverride(compiled: CompiledObjective, override: Override): Decision {
  const { objective, models, revision } = compiled;
  const model = override.model ?? objective.spec.default.model;
  const { version } = override;
  if (findVersion(models, model, version) === undefined) {
    throw new SelectionError("override_unknown_version", unknownVersionMessage(compiled, `${model}@${version}`));
  }
  const target = { model, version };
  return decisionFor({ objective, revision }, models, { target, rule: "override", variant: null, reason: "override" });
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
