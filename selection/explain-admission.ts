import type { Context } from "./context.ts";
import type { CompiledExperiment } from "./experiment.ts";
import type { Share } from "./share.ts";
import { unitOf } from "./unit.ts";

/** Sentences on what lets a context into an experiment besides its condition: times, unit, holdouts, layer and cells. */
export function explainAdmission(experiment: CompiledExperiment, context: Context, nowMs: number): string[] {
  const unit = unitOf(context, experiment.unit);
  return [
    ...explainTimes(experiment, nowMs),
    ...(unit === null ? [`${experiment.unit}: missing, empty, or neither a string nor a number`] : []),
    ...(unit === null ? [] : explainShares(experiment, unit)),
    ...explainCells(experiment, context),
  ];
}

function explainTimes({ startMs, endMs }: CompiledExperiment, nowMs: number): string[] {
  if (nowMs < startMs) return [`starts at ${new Date(startMs).toISOString()}`];
  return nowMs >= endMs ? [`ended at ${new Date(endMs).toISOString()}`] : [];
}

function explainShares({ holdouts, layer }: CompiledExperiment, unit: string): string[] {
  const out = holdouts.filter(({ share, percent }) => share.isBetween(unit, 0, percent));
  const held = out.map(({ name, percent }) => `holdout ${name}: holds out ${percent} %, the unit among them`);
  if (!layer) return held;
  const slices = layer.slices.map(({ from, to }) => `${from} to ${to} %`).join(", ");
  return [
    ...held,
    `layer ${layer.name}: the unit lies at ${positionOf(layer.share, unit)} %, the experiment has ${slices}`,
  ];
}

/** With four digits, rounded down, so that a unit shown at a border is at or above it. */
function positionOf(share: Share, unit: string): number {
  return Math.floor((share.bucketOf(unit) / 4_294_967_296) * 1e6) / 1e4;
}

function explainCells({ allocation }: CompiledExperiment, context: Context): string[] {
  if (allocation.by !== "cells") return [];
  const { attribute, prefix, arms } = allocation;
  const value: unknown = context[attribute];
  const cell = [value].flat().find((each) => typeof each === "string" && each.startsWith(prefix));
  if (cell === undefined) return [`${attribute}: has no cell ${prefix}…`];
  const known = arms.has(String(cell).slice(prefix.length))
    ? ""
    : `, which is no arm; there are ${[...arms.keys()].join(", ")}`;
  return [`${attribute}: found ${JSON.stringify(String(cell).slice(0, 100))}${known}`];
}
