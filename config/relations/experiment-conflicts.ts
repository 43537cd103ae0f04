import { documentKey, documentTitle } from "../documents/document.ts";
import { type Experiment, overlaps } from "../documents/experiment.ts";
import type { Lookup, ReferenceProblem } from "./reference-problem.ts";
import { layerKey } from "./references.ts";

/**
 * What stands between an experiment and the others that run at the same time: parts of a layer that are taken, another
 * unit than the layer's, and an objective of which another experiment may take the same units.
 */
export function experimentConflicts(experiment: Experiment, lookup: Lookup): ReferenceProblem[] {
  return [...layerConflicts(experiment, lookup), ...objectiveConflicts(experiment, lookup)];
}

function layerConflicts(experiment: Experiment, lookup: Lookup): ReferenceProblem[] {
  const { layer, unit } = experiment.spec;
  if (!layer) return [];
  return concurrent(experiment, layerKey(experiment.metadata.namespace, layer.name), lookup).flatMap((other) => {
    const target = keyOf(other);
    const title = documentTitle(other);
    if (other.spec.unit !== unit) {
      const message = `must be "${other.spec.unit}", the unit of ${title} in the same layer, found "${unit}"; or use another layer`;
      return [{ path: "spec.unit", message, target }];
    }
    return layer.slices.flatMap((own, index) => {
      const taken = other.spec.layer?.slices.find((slice) => overlaps(own, slice));
      if (!taken) return [];
      const message = `${title} has ${taken.from} to ${taken.to} of layer ${layer.name} at the same time; take another part, or other times`;
      return [{ path: `spec.layer.slices[${index}]`, message, target }];
    });
  });
}

/** Two experiments on one objective must share no unit; only those of one layer are sure not to. */
function objectiveConflicts(experiment: Experiment, lookup: Lookup): ReferenceProblem[] {
  if (experiment.spec.allocation.by !== "hash") return [];
  const { namespace } = experiment.metadata;
  return experiment.spec.targets.flatMap(({ objective }, index) => {
    const others = concurrent(experiment, documentKey({ kind: "Objective", namespace, name: objective }), lookup);
    return others.flatMap((other) => {
      const shareLayer = other.spec.layer && other.spec.layer.name === experiment.spec.layer?.name;
      if (shareLayer || other.spec.allocation.by !== "hash") return [];
      const message = `${documentTitle(other)} is on objective ${objective} at the same time; put both into one layer, or give them other times`;
      return [{ path: `spec.targets[${index}].objective`, message, target: keyOf(other) }];
    });
  });
}

/** The other experiments that name the same and run at the same time. */
function concurrent(experiment: Experiment, key: string, lookup: Lookup): Experiment[] {
  return lookup
    .dependents(key)
    .filter((other): other is Experiment => other.kind === "Experiment")
    .filter((other) => other.metadata.name !== experiment.metadata.name && atTheSameTime(experiment, other));
}

function atTheSameTime({ spec: one }: Experiment, { spec: other }: Experiment): boolean {
  return startsBeforeEnd(one.start, other.end) && startsBeforeEnd(other.start, one.end);
}

function startsBeforeEnd(start: string | undefined, end: string | undefined): boolean {
  return start === undefined || end === undefined || Date.parse(start) < Date.parse(end);
}

function keyOf({ metadata: { namespace, name } }: Experiment): string {
  return documentKey({ kind: "Experiment", namespace, name });
}
