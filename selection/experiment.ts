import type { Experiment } from "../config/documents/experiment.ts";
import type { Holdout } from "../config/documents/holdout.ts";
import type { Audiences } from "./audience.ts";
import { type ConditionNode, compileCondition, type Predicate, parseCondition } from "./conditions.ts";
import type { Context } from "./context.ts";
import { KeptDecision } from "./kept-decision.ts";
import { type DecisionSource, makeDecision, type Target } from "./make-decision.ts";
import { createSplit, pickArm, type Split } from "./rendezvous.ts";
import type { Share } from "./share.ts";
import { unitOf } from "./unit.ts";

/** An experiment on one objective, made ready. Immutable. */
export type CompiledExperiment = {
  readonly name: string;
  readonly document: Experiment;
  /** Milliseconds since the epoch: from `startMs` on, and before `endMs`; infinite when there is no bound. */
  readonly startMs: number;
  readonly endMs: number;
  /** The attribute that is bucketed; not always the objective's. */
  readonly unit: string;
  readonly condition: ConditionNode;
  readonly matches: Predicate;
  readonly holdouts: readonly CompiledHoldout[];
  readonly layer: CompiledLayer | null;
  readonly allocation: CompiledAllocation;
  /** What each arm gets in the objective, in the order of the document. */
  readonly targets: readonly Target[];
  /** Those of the arms, as far as they were asked for. */
  readonly decisions: (KeptDecision | null)[];
};

export type CompiledHoldout = { readonly name: string; readonly percent: number; readonly share: Share };

export type CompiledLayer = {
  readonly name: string;
  readonly share: Share;
  /** Percent of the layer; a unit at `from` is inside, at `to` outside. */
  readonly slices: readonly { readonly from: number; readonly to: number }[];
};

export type CompiledAllocation =
  | { readonly by: "hash"; readonly split: Split }
  /** `prefix` is what a cell of this experiment starts with, `<key>=`; `arms` gives the index of what follows. */
  | {
      readonly by: "cells";
      readonly attribute: string;
      readonly prefix: string;
      readonly arms: ReadonlyMap<string, number>;
    };

/**
 * Why an experiment did not take a context:
 * - `not_running`: before its start, or at or after its end;
 * - `not_matched`: its condition does not hold;
 * - `unit_missing`: there is no unit to look up or to bucket;
 * - `held_out`: a holdout of the namespace has the unit;
 * - `outside_slices`: the unit is in another part of the layer;
 * - `no_cell`: the context has no cell of the experiment, or one that names no arm of it;
 * - `no_weight`: every arm has weight 0, which documents cannot have.
 */
export type Refusal =
  | "not_running"
  | "not_matched"
  | "unit_missing"
  | "held_out"
  | "outside_slices"
  | "no_cell"
  | "no_weight";

export type ExperimentInput = {
  readonly experiment: Experiment;
  readonly holdouts: readonly Holdout[];
  readonly audiences: Audiences;
  /** What each arm gets in the objective, in the order of the document. */
  readonly targets: readonly Target[];
  /** Of a salt: the same for all experiments of an objective, so that a unit is hashed once for all of them. */
  readonly shareOf: (salt: string) => Share;
};

/** Compiles an experiment for one of its objectives. `holdouts` are those of the namespace, of any unit. */
export function compileExperiment(input: ExperimentInput): CompiledExperiment {
  const { experiment, holdouts, audiences, targets, shareOf } = input;
  const { metadata, spec } = experiment;
  const condition = parseCondition(spec.when, audiences);
  return {
    name: metadata.name,
    document: experiment,
    startMs: spec.start === undefined ? Number.NEGATIVE_INFINITY : Date.parse(spec.start),
    endMs: spec.end === undefined ? Number.POSITIVE_INFINITY : Date.parse(spec.end),
    unit: spec.unit,
    condition,
    matches: compileCondition(condition),
    holdouts: holdouts
      .filter((holdout) => holdout.spec.unit === spec.unit)
      .map((holdout) => compileHoldout(holdout, shareOf)),
    layer: compileLayer(experiment, shareOf),
    allocation: compileAllocation(experiment),
    targets,
    decisions: targets.map(() => null),
  };
}

type Shares = ExperimentInput["shareOf"];

function compileHoldout({ metadata, spec }: Holdout, shareOf: Shares): CompiledHoldout {
  const salt = `holdout:${metadata.namespace}/${metadata.name}:${spec.iteration}`;
  return { name: metadata.name, percent: spec.percent, share: shareOf(salt) };
}

function compileLayer({ metadata, spec }: Experiment, shareOf: Shares): CompiledLayer | null {
  if (!spec.layer) return null;
  const { name, slices } = spec.layer;
  return { name, slices, share: shareOf(`layer:${metadata.namespace}/${name}`) };
}

function compileAllocation({ metadata, spec }: Experiment): CompiledAllocation {
  const { allocation, arms, iteration } = spec;
  if (allocation.by === "cells") {
    const prefix = `${allocation.key ?? metadata.name}=`;
    return { ...allocation, prefix, arms: new Map(arms.map(({ name }, index) => [name, index])) };
  }
  const salt = `${spec.salt ?? `experiment:${metadata.namespace}/${metadata.name}`}:${iteration}`;
  return { by: "hash", split: createSplit(salt, arms) };
}

/** What an arm decides, in the objective that the experiment was compiled for. */
export function experimentDecision(experiment: CompiledExperiment, arm: number, source: DecisionSource): KeptDecision {
  return experiment.decisions[arm] ?? keep(experiment, arm, source);
}

/** {@link experimentDecision} of each arm, in the order of the document. */
export function experimentDecisions(experiment: CompiledExperiment, source: DecisionSource): readonly KeptDecision[] {
  return experiment.targets.map((_, arm) => experimentDecision(experiment, arm, source));
}

function keep({ name, document, targets, decisions }: CompiledExperiment, arm: number, source: DecisionSource) {
  const target = targets[arm] as Target;
  const variant = document.spec.arms[arm]?.name as string;
  const decision = new KeptDecision(makeDecision(source, { target, rule: name, variant, reason: "experiment" }));
  decisions[arm] = decision;
  return decision;
}

/** The index of the arm that a context is in, or why it is in none. Allocates nothing. Never throws. */
export function armOf(experiment: CompiledExperiment, context: Context, nowMs: number): number | Refusal {
  // Of a time that is none, NaN, nothing is known: no experiment runs.
  if (!(nowMs >= experiment.startMs && nowMs < experiment.endMs)) return "not_running";
  if (!experiment.matches(context)) return "not_matched";
  const unit = unitOf(context, experiment.unit);
  const refusal = unit === null ? withoutUnit(experiment) : ofUnit(experiment, unit);
  if (refusal !== null) return refusal;
  const { allocation } = experiment;
  if (allocation.by === "cells") return armByCell(context[allocation.attribute], allocation.prefix, allocation.arms);
  const picked = pickArm(allocation.split, unit as string);
  return picked === -1 ? "no_weight" : picked;
}

/** Only an arm that the platform chose, for an experiment that shuts nobody out, needs no unit. */
function withoutUnit({ allocation, holdouts, layer }: CompiledExperiment): Refusal | null {
  return allocation.by === "cells" && holdouts.length === 0 && layer === null ? null : "unit_missing";
}

function ofUnit({ holdouts, layer }: CompiledExperiment, unit: string): Refusal | null {
  for (const { share, percent } of holdouts) if (share.isBetween(unit, 0, percent)) return "held_out";
  if (layer === null) return null;
  for (const { from, to } of layer.slices) if (layer.share.isBetween(unit, from, to)) return null;
  return "outside_slices";
}

function armByCell(cells: unknown, prefix: string, arms: ReadonlyMap<string, number>): number | "no_cell" {
  if (typeof cells === "string") return cells.startsWith(prefix) ? armNamed(cells, prefix, arms) : "no_cell";
  if (!Array.isArray(cells)) return "no_cell";
  for (const cell of cells)
    if (typeof cell === "string" && cell.startsWith(prefix)) return armNamed(cell, prefix, arms);
  return "no_cell";
}

function armNamed(cell: string, prefix: string, arms: ReadonlyMap<string, number>): number | "no_cell" {
  return arms.get(cell.slice(prefix.length)) ?? "no_cell";
}
