import type { Decision } from "../decision.ts";
import type { CompiledExperiment, CompiledHoldout, CompiledLayer } from "../experiment.ts";
import { emitCondition, type ProgramData } from "./emit-condition.ts";
import { emitSplit, type Places } from "./emit-split.ts";
import { luaNumber, luaString } from "./literal.ts";

/** Whether an experiment asks for the time, `t` in the program. */
export function isTimed({ startMs, endMs }: CompiledExperiment): boolean {
  return Number.isFinite(startMs) || Number.isFinite(endMs);
}

/** An experiment as a Lua statement that does what `armOf` does; `outcomes` are the decisions of its arms. Throws for one that takes its arms from cells. */
export function emitExperiment(
  experiment: CompiledExperiment,
  outcomes: readonly Decision[],
  data: ProgramData,
  places: Places,
): string {
  const { allocation, document, holdouts, layer } = experiment;
  if (allocation.by === "cells") throw new Error("cells cannot be looked up inside Envoy");
  const matches = [...emitTimes(experiment), emitCondition(experiment.condition, data)].join(" and ");
  const unit = data.unit(experiment.unit);
  const split = emitSplit(allocation.split.salt, document.spec.arms, outcomes, places);
  if (split === null) return `if ${matches} and not ${unit} then m=true end`;
  const pick = `return pick(${data.constant(split)},${unit}),m`;
  const admits = [
    ...holdouts.map((holdout) => emitHoldout(holdout, unit, data)),
    ...(layer ? [emitLayer(layer, unit, data)] : []),
  ].join(" and ");
  const decides = admits === "" ? pick : `if ${admits} then ${pick} end`;
  return `if ${matches} then if ${unit} then ${decides} else m=true end end`;
}

function emitTimes({ startMs, endMs }: CompiledExperiment): string[] {
  return [
    ...(Number.isFinite(startMs) ? [`t >= ${luaNumber(startMs)}`] : []),
    ...(Number.isFinite(endMs) ? [`t < ${luaNumber(endMs)}`] : []),
  ];
}

/** Whether the holdout leaves the unit in. */
function emitHoldout({ share, percent }: CompiledHoldout, unit: string, data: ProgramData): string {
  return `${emitPosition(share.salt, unit, data)} >= ${emitPercent(percent)}`;
}

function emitLayer({ share, slices }: CompiledLayer, unit: string, data: ProgramData): string {
  const position = emitPosition(share.salt, unit, data);
  const inside = slices.map(
    ({ from, to }) => `(${position} >= ${emitPercent(from)} and ${position} < ${emitPercent(to)})`,
  );
  return `(${inside.join(" or ")})`;
}

function emitPosition(salt: string, unit: string, data: ProgramData): string {
  return `position(${data.constant(`share(${luaString(`${salt}:`)})`)},${unit})`;
}

/** In the measure of positions (selection/share.ts): exact, because a multiplication by 2^32 changes no digit. */
function emitPercent(percent: number): string {
  return luaNumber(percent * 4_294_967_296);
}
