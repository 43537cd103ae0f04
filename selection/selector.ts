import { qualifiedName } from "../config/documents/document.ts";
import type { Objective } from "../config/documents/objective.ts";
import type { LiveDocuments } from "../config/live-documents.ts";
import {
  affectedObjectives,
  audiencesOf,
  experimentsOn,
  holdoutsIn,
  modelsIn,
  objectiveRevision,
} from "../config/relations/needs.ts";
import { changing, type MapChange, type SharedMap, sharedMap } from "../config/shared-map.ts";
import { doAtOnce, type Work } from "../config/work.ts";
import { type CompiledObjective, compileObjective } from "./compile.ts";

/** All objectives in force, compiled. Immutable: a new set of documents makes a new value, to be swapped in whole. */
export type Selection = {
  /** The documents that it was made from. */
  readonly live: LiveDocuments;
  /** By `<namespace>/<name>`. */
  readonly objectives: SharedMap<CompiledObjective>;
  /** Objectives that could not be compiled, each with the reason; their last good form, if any, stays in `objectives`. */
  readonly failures: ReadonlyMap<string, string>;
};

/** Compiles all objectives; with `previous`, only those that depend on a document that changed since. Never throws. */
export function compileSelection(live: LiveDocuments, previous?: Selection): Selection {
  return doAtOnce(
    compiling(live, previous ? affectedObjectives(previous.live, live) : live.objectives.keys(), previous),
  );
}

/** {@link compileSelection} of the objectives that depend on what changed since `previous`; yields after each. */
export function* compiling(live: LiveDocuments, changed: Iterable<string>, previous?: Selection): Work<Selection> {
  const objectives: MapChange<CompiledObjective>[] = [];
  const failures = new Map(previous?.failures);
  for (const name of previous ? changed : asPublished(live, changed)) {
    failures.delete(name);
    const objective = live.objectives.get(name)?.document;
    try {
      objectives.push([name, objective && compileLive(live, objective)]);
    } catch (error) {
      failures.set(name, error instanceof Error ? error.message : String(error));
    }
    yield;
  }
  return { live, objectives: yield* changing(sharedMap(previous?.objectives), objectives), failures };
}

/**
 * Objectives in the order in which they were published: in memory they come to lie in the order in which they are compiled, and
 * what is published together is more likely to be asked for together than what has similar hashes.
 */
function asPublished({ objectives }: LiveDocuments, names: Iterable<string>): readonly string[] {
  const revisionOf = (name: string) => objectives.get(name)?.revision ?? 0;
  return [...names].sort((a, b) => revisionOf(a) - revisionOf(b));
}

/** Compiles one of the live objectives with all that it depends on; throws where {@link compileObjective} throws. */
export function compileLive(live: LiveDocuments, objective: Objective): CompiledObjective {
  const name = qualifiedName(objective);
  const experiments = experimentsOn(live, name).map(({ document }) => document);
  const audiences = new Set([objective, ...experiments].flatMap((each) => audiencesOf(live, each)));
  return compileObjective({
    objective,
    experiments,
    models: modelsIn(live, objective).flatMap((model) => live.models.get(model)?.document ?? []),
    holdouts:
      experiments.length === 0 ? [] : holdoutsIn(live, objective.metadata.namespace).map(({ document }) => document),
    audiences: [...audiences].flatMap((audience) => live.audiences.get(audience)?.document ?? []),
    revision: objectiveRevision(live, name),
  });
}
