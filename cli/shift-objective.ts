import type { ModelVersionReference } from "../config/documents/common.ts";
import type { Objective, Rule, Variant } from "../config/documents/objective.ts";

/** The share of an objective's units that a shift gives to one model version. */
export type Shift = { readonly model: string; readonly version: string; readonly percent: number };

/** Name of the rule that a shift adds when the objective has no split for everybody. */
const addedRule = "shift";

/**
 * An objective whose split for everybody (the first rule without a condition, or the one named `ruleName`) gives
 * `percent` of its units to the version; the other variants keep their proportions in the rest. Without such a rule one
 * is added at the end, between the version and the default. Pure; throws an Error that says why it cannot be done.
 *
 * Weighted rendezvous moves no more units than it must, and raising one variant never moves a unit between the others.
 */
export function shiftObjective(objective: Objective, shift: Shift, ruleName?: string): Objective {
  const { rules } = objective.spec;
  const index =
    ruleName === undefined ? rules.findIndex(isForEverybody) : rules.findIndex(({ name }) => name === ruleName);
  if (ruleName !== undefined && index < 0) {
    throw new Error(
      `it has no rule "${ruleName}"; its rules are: ${rules.map(({ name }) => name).join(", ") || "none"}`,
    );
  }
  const rule = rules[index] ?? { name: freeName(rules), serve: objective.spec.default };
  const { serve: _, ...kept } = rule;
  const split = { ...rule.split, variants: shiftVariants(variantsOf(rule), shift, objective) };
  const shifted: Rule = { ...kept, split };
  const changed = index < 0 ? [...rules, shifted] : rules.with(index, shifted);
  return { ...objective, spec: { ...objective.spec, rules: changed } };
}

function isForEverybody(rule: Rule): boolean {
  return rule.when === undefined || Object.keys(rule.when).length === 0;
}

function variantsOf(rule: Pick<Rule, "split" | "serve">): readonly Variant[] {
  if (rule.split) return rule.split.variants;
  return rule.serve ? [{ ...rule.serve, name: variantName(rule.serve), weight: 100 }] : [];
}

function shiftVariants(variants: readonly Variant[], shift: Shift, objective: Objective): Variant[] {
  const isTarget = ({ model, version }: Variant) => model === shift.model && version === shift.version;
  const all = variants.some(isTarget) ? variants : [...variants, newVariant(variants, shift)];
  const rest = 100 - shift.percent;
  const complete =
    rest > 0 && total(all.filter((variant) => !isTarget(variant))) === 0 ? withDefault(all, shift, objective) : all;
  const targets = scaledTo(complete.filter(isTarget), shift.percent);
  const others = scaledTo(
    complete.filter((variant) => !isTarget(variant)),
    rest,
  );
  return complete.map((variant) => (isTarget(variant) ? targets.shift() : others.shift()) ?? variant);
}

/** Nobody holds the rest: it goes to the default, unless that is the version itself. The default comes first. */
function withDefault(variants: readonly Variant[], shift: Shift, objective: Objective): Variant[] {
  const { default: fallback } = objective.spec;
  const isFallback = ({ model, version }: ModelVersionReference) =>
    model === fallback.model && version === fallback.version;
  if (isFallback(shift)) {
    throw new Error(
      `the remaining ${100 - shift.percent} % would go nowhere: no other variant has a weight; shift to that one instead`,
    );
  }
  const own = variants.find(isFallback) ?? newVariant(variants, fallback);
  return [{ ...own, weight: 1 }, ...variants.filter((variant) => variant !== own)];
}

/** The variants with weights that sum up to `share`, in their proportions; the first gets all when none had any. */
function scaledTo(variants: readonly Variant[], share: number): Variant[] {
  const sum = total(variants);
  return variants.map((variant, index) => ({
    ...variant,
    weight: sum > 0 ? rounded((variant.weight * share) / sum) : index === 0 ? share : 0,
  }));
}

function total(variants: readonly Variant[]): number {
  return variants.reduce((sum, { weight }) => sum + weight, 0);
}

function newVariant(variants: readonly Variant[], { model, version, parameters }: ModelVersionReference): Variant {
  const name = free(
    variantName({ model, version }),
    variants.map((variant) => variant.name),
  );
  return { name, weight: 0, model, version, ...(parameters ? { parameters } : {}) };
}

function freeName(rules: readonly Rule[]): string {
  return free(
    addedRule,
    rules.map(({ name }) => name),
  );
}

/** A DNS label made of model and version. */
function variantName(reference: { readonly model: string; readonly version: string }): string {
  const text = `${reference.model}-${reference.version}`.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  return text.slice(0, 60).replace(/-+$/, "");
}

function free(wanted: string, taken: readonly string[]): string {
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? wanted : `${wanted}-${number}`;
    if (!taken.includes(candidate)) return candidate;
  }
}

/** Enough digits for any share that somebody would write. */
function rounded(weight: number): number {
  return Number(weight.toFixed(6));
}
