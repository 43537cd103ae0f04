import type { LiveDocuments } from "../config/live-documents.ts";
import type { Context } from "../selection/context.ts";
import { compileSelection, type Selection } from "../selection/selector.ts";
import { unitAttributes } from "./sample.ts";
import { createTally, type Tally, type TallyResult } from "./tally.ts";

/** What contexts get of one objective (`<namespace>/<name>`), now and before. */
export type SimulatedObjective = {
  readonly objective: string;
  /** Rules with a condition that decided for no context: nothing is known of them. */
  readonly unreachedRules: readonly string[];
} & TallyResult;

export type Simulation = {
  readonly objectives: readonly string[];
  /** The attributes that an objective buckets, before or after. */
  unitsOf(objective: string): readonly string[];
  /** Decides for a context. */
  add(context: Context, objective: string): void;
  result(): SimulatedObjective[];
};

/**
 * Decides for contexts by the real selection, with two states of the documents; the same state twice tells shares only.
 * `wanted` (`<namespace>/<name>`) limits it to some objectives. Keeps counts only. Pure.
 */
export function startSimulation(
  before: LiveDocuments,
  after: LiveDocuments,
  wanted: (objective: string) => boolean = () => true,
): Simulation {
  const [old, next] = [before, after].map((live) => compileSelection(only(live, wanted))) as [Selection, Selection];
  const names = [...new Set([...old.objectives.keys(), ...next.objectives.keys()])].sort();
  const tallies = new Map<string, Tally>(
    names.map((name) => {
      const compiled = next.objectives.get(name);
      return [name, createTally(before === after ? compiled : old.objectives.get(name), compiled)];
    }),
  );
  return {
    objectives: names,
    unitsOf: (name) => unitAttributes(old.objectives.get(name), next.objectives.get(name)),
    add: (context, objective) => tallies.get(objective)?.add(context),
    result: () =>
      [...tallies].map(([objective, tally]) => {
        const result = tally.result();
        const reached = new Set(result.after.map(({ rule }) => rule));
        const rules = next.objectives.get(objective)?.objective.spec.rules ?? [];
        const unreached = rules.filter(({ name, when = {} }) => Object.keys(when).length > 0 && !reached.has(name));
        return { objective, unreachedRules: unreached.map(({ name }) => name), ...result };
      }),
  };
}

function only(live: LiveDocuments, wanted: (objective: string) => boolean): LiveDocuments {
  return { ...live, objectives: new Map([...live.objectives].filter(([name]) => wanted(name))) };
}
