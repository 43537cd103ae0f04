import { createAttached } from "../config/attached.ts";
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
import { type MapChange, type SharedMap, sharedMap } from "../config/shared-map.ts";
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
  const objectives: MapChange<CompiledObjective>[] = [];
  const failures = new Map(previous?.failures);
  for (const name of previous ? affectedObjectives(previous.live, live) : live.objectives.keys()) {
    failures.delete(name);
    const objective = live.objectives.get(name)?.document;
    if (objective === undefined) {
      objectives.push([name, undefined]);
      continue;
    }
    try {
      objectives.push([name, compileLive(live, objective)]);
    } catch (error) {
      failures.set(name, error instanceof Error ? error.message : String(error));
    }
  }
  return { live, objectives: sharedMap(previous?.objectives).with(objectives), failures };
}

// What was compiled ahead for some documents lives as long as they do.
const ahead = createAttached<LiveDocuments, Map<string, CompiledObjective>>();

/**
 * Compiles what `live` changes since `previous` (null: everything), and keeps it for {@link compileSelection} and
 * {@link compileLive}, which then cost next to nothing. `pause` is awaited after every objective, to let others have the
 * event loop. What cannot be compiled is left to those two. Never rejects, unless `pause` does.
 */
export async function compileAhead(
  live: LiveDocuments,
  previous: LiveDocuments | null,
  pause: () => Promise<void>,
): Promise<void> {
  const compiled = new Map<string, CompiledObjective>();
  for (const name of previous ? affectedObjectives(previous, live) : live.objectives.keys()) {
    const objective = live.objectives.get(name)?.document;
    try {
      if (objective) compiled.set(name, compileLive(live, objective));
    } catch {
      // Whoever needs it compiles it again, and tells.
    }
    await pause();
  }
  ahead.set(live, compiled);
}

/** Compiles one of the live objectives with all that it depends on; throws where {@link compileObjective} throws. */
export function compileLive(live: LiveDocuments, objective: Objective): CompiledObjective {
  const name = qualifiedName(objective);
  const known = ahead.get(live)?.get(name);
  if (known?.objective === objective) return known;
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
