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
  const isTarget = (reference: ModelVersionReference) =>
    reference.model === shift.model && reference.version === shift.version;
  const { model, version } = shift;
  const target: Variant = variants.find(isTarget) ?? {
    name: freeVariantName(variants, shift),
    weight: 0,
    model,
    version,
  };
  const others = variants.filter((variant) => variant !== target);
  const total = others.reduce((sum, { weight }) => sum + weight, 0);
  const rest = 100 - shift.percent;
  if (rest > 0 && total === 0) return withFallback(target, others, shift.percent, objective);
  const scaled = others.map((variant) => ({
    ...variant,
    weight: rest === 0 ? 0 : rounded((variant.weight * rest) / total),
  }));
  const changed = { ...target, weight: shift.percent };
  const order = variants.includes(target) ? variants : [...variants, target];
  return order.map((variant) => (variant === target ? changed : scaled[others.indexOf(variant)])).filter(isVariant);
}

/** Nobody holds the rest: it goes to the default, unless that is the version itself. */
function withFallback(target: Variant, others: readonly Variant[], percent: number, objective: Objective): Variant[] {
  const fallback = objective.spec.default;
  if (fallback.model === target.model && fallback.version === target.version) {
    throw new Error(
      `the remaining ${100 - percent} % would go nowhere: no other variant has a weight; shift to that one instead`,
    );
  }
  const rest = others.find(({ model, version }) => model === fallback.model && version === fallback.version);
  const arm = rest ?? { ...fallback, name: freeVariantName([...others, target], fallback), weight: 0 };
  return [
    ...others.filter((variant) => variant !== rest),
    { ...arm, weight: 100 - percent },
    { ...target, weight: percent },
  ];
}

function isVariant(variant: Variant | undefined): variant is Variant {
  return variant !== undefined;
}

function freeName(rules: readonly Rule[]): string {
  return free(
    addedRule,
    rules.map(({ name }) => name),
  );
}

function freeVariantName(variants: readonly Variant[], reference: { model: string; version: string }): string {
  return free(
    variantName(reference),
    variants.map(({ name }) => name),
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
