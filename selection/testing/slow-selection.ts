import murmurhash from "murmurhash";
import type { Condition } from "../../config/documents/condition.ts";
import type { Experiment } from "../../config/documents/experiment.ts";
import type { Holdout } from "../../config/documents/holdout.ts";
import type { Objective } from "../../config/documents/objective.ts";
import { slowlyMatches } from "./slow-condition.ts";

type Found = { readonly [attribute: string]: unknown };
export type SlowDecision = { readonly rule: string; readonly variant: string | null; readonly reason: string };

/**
 * A whole decision straight from docs/selection.md and docs/bucketing.md, as slowly and plainly as can be, with a murmur3
 * that is not ours: what `select` is held against.
 */
export function slowlyDecide(
  objective: Objective,
  experiments: readonly Experiment[],
  holdouts: readonly Holdout[],
  context: Found,
  nowMs: number,
): SlowDecision {
  const { name, namespace } = objective.metadata;
  let missing = false;
  const answer = (rule: string, variant: string | null, reason: string) => {
    return { rule, variant, reason: missing ? "unit_missing" : reason };
  };
  for (const experiment of [...experiments].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))) {
    if (!experiment.spec.targets.some((target) => target.objective === name)) continue;
    const outcome = slowlyEnter(experiment, holdouts, context, nowMs);
    if (outcome === "unit missing") missing = true;
    else if (outcome !== null) return answer(experiment.metadata.name, outcome, "experiment");
  }
  for (const rule of objective.spec.rules) {
    if (!slowlyMatches(rule.when ?? {}, context)) continue;
    if (rule.serve) return answer(rule.name, null, "rule");
    const unit = unitIn(context, objective.spec.unit);
    if (unit === null) {
      missing = true;
      continue;
    }
    const salt = rule.split?.salt ?? `${namespace}/${name}/${rule.name}`;
    return answer(rule.name, slowlyPick(salt, rule.split?.variants ?? [], unit), "rule");
  }
  return answer("default", null, "default");
}

function slowlyEnter(
  { metadata, spec }: Experiment,
  holdouts: readonly Holdout[],
  context: Found,
  nowMs: number,
): string | null {
  if (Number.isNaN(nowMs)) return null;
  if (spec.start && nowMs < Date.parse(spec.start)) return null;
  if (spec.end && nowMs >= Date.parse(spec.end)) return null;
  if (!slowlyMatches((spec.when ?? {}) as Condition, context)) return null;
  const unit = unitIn(context, spec.unit);
  const shutting = holdouts.filter((holdout) => holdout.spec.unit === spec.unit);
  if (unit === null && (spec.allocation.by === "hash" || spec.layer || shutting.length > 0)) return "unit missing";
  const { namespace, name } = metadata;
  for (const { metadata: own, spec: held } of shutting)
    if (percentOf(`holdout:${namespace}/${own.name}:${held.iteration}`, unit ?? "") < held.percent) return null;
  if (spec.layer) {
    const at = percentOf(`layer:${namespace}/${spec.layer.name}`, unit ?? "");
    if (!spec.layer.slices.some(({ from, to }) => from <= at && at < to)) return null;
  }
  if (spec.allocation.by === "hash")
    return slowlyPick(`${spec.salt ?? `experiment:${namespace}/${name}`}:${spec.iteration}`, spec.arms, unit ?? "");
  const { attribute, key = name } = spec.allocation;
  const value = Object.hasOwn(context, attribute) ? context[attribute] : undefined;
  const cells = (Array.isArray(value) ? value : [value]).filter((cell) => typeof cell === "string");
  const [cell] = cells.filter((each) => each.slice(0, key.length + 1) === `${key}=`);
  return spec.arms.find((arm) => cell === `${key}=${arm.name}`)?.name ?? null;
}

function unitIn(context: Found, attribute: string): string | null {
  const value = Object.hasOwn(context, attribute) ? context[attribute] : undefined;
  if (typeof value === "number" && Number.isFinite(value)) return JSON.stringify(value);
  return typeof value === "string" && value !== "" ? value : null;
}

function slowlyPick(
  salt: string,
  arms: readonly { readonly name: string; readonly weight: number }[],
  unit: string,
): string {
  const bucket = hash(`${salt}:${unit}`, 0);
  const scored = arms
    .filter(({ weight }) => weight > 0)
    .map(({ name, weight }) => ({ name, score: -Math.log((hash(name, bucket) + 0.5) / 2 ** 32) / weight }));
  const lowest = Math.min(...scored.map(({ score }) => score));
  return scored.find(({ score }) => score === lowest)?.name ?? "";
}

function percentOf(salt: string, unit: string): number {
  return (hash(`${salt}:${unit}`, 0) / 2 ** 32) * 100;
}

function hash(text: string, seed: number): number {
  return murmurhash.v3(new TextEncoder().encode(text), seed);
}
