import type { LiveDocuments } from "../config/live-documents.ts";
import type { Context } from "../selection/context.ts";
import { compileSelection, type Selection } from "../selection/selector.ts";
import { unitAttributes } from "./sample.ts";
import { createTally, type Tally, type TallyResult } from "./tally.ts";

/** What contexts get of one objective (`<namespace>/<name>`), now and before. */
export type SimulatedObjective = {
  readonly objective: string;
  /** Rules with a condition, and experiments, that decided for no context: nothing is known of them. */
  readonly unreachedRules: readonly string[];
  readonly unreachedExperiments: readonly string[];
} & TallyResult;

export type SimulationOptions = {
  /** Limits it to some objectives (`<namespace>/<name>`); all by default. */
  readonly wanted?: (objective: string) => boolean;
  /** Milliseconds since the epoch: the time by which experiments run. */
  readonly nowMs: number;
};

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
 * Keeps counts only. Pure.
 */
export function startSimulation(
  before: LiveDocuments,
  after: LiveDocuments,
  { wanted = () => true, nowMs }: SimulationOptions,
): Simulation {
  const [old, next] = [before, after].map((live) => compileSelection(only(live, wanted))) as [Selection, Selection];
  const names = [...new Set([...old.objectives.keys(), ...next.objectives.keys()])].sort();
  const tallies = new Map<string, Tally>(
    names.map((name) => {
      const compiled = next.objectives.get(name);
      return [name, createTally(before === after ? compiled : old.objectives.get(name), compiled, nowMs)];
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
        const compiled = next.objectives.get(objective);
        const conditional = compiled?.objective.spec.rules.filter(({ when = {} }) => Object.keys(when).length > 0);
        const unreached = (named: readonly { readonly name: string }[] = []) =>
          named.flatMap(({ name }) => (reached.has(name) ? [] : [name]));
        return {
          objective,
          unreachedRules: unreached(conditional),
          unreachedExperiments: unreached(compiled?.experiments),
          ...result,
        };
      }),
  };
}

function only(live: LiveDocuments, wanted: (objective: string) => boolean): LiveDocuments {
  return { ...live, objectives: new Map([...live.objectives].filter(([name]) => wanted(name))) };
}
