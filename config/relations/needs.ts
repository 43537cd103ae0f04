import { type Kind, qualifiedName } from "../documents/document.ts";
import type { Experiment } from "../documents/experiment.ts";
import type { Holdout } from "../documents/holdout.ts";
import type { Objective } from "../documents/objective.ts";
import type { Live, LiveDocuments, LiveMaps } from "../live-documents.ts";
import { changedKeys } from "../shared-map.ts";
import { doAtOnce, type Work } from "../work.ts";
import { dependentsOf } from "./dependents.ts";
import { audiencesIn, modelsOf, shardsOf } from "./references.ts";

/** The audiences that a document's conditions ask for and their parts, each once, as `<namespace>/<name>`. */
export function audiencesOf(live: LiveMaps, document: Objective | Experiment): string[] {
  const { namespace } = document.metadata;
  const direct = audiencesIn(document);
  const parts = direct.flatMap((name) => live.audiences.get(`${namespace}/${name}`)?.document.spec.parts ?? []);
  return [...new Set([...direct, ...parts])].map((name) => `${namespace}/${name}`);
}

/** The live experiments that an objective (`<namespace>/<name>`) is a target of, in the order of their names. */
export function experimentsOn(live: LiveDocuments, objectiveName: string): Live<Experiment>[] {
  const names = [...dependentsOf(live, keyOf("objective", objectiveName))].filter((key) =>
    key.startsWith("experiment."),
  );
  return names.sort().flatMap((key) => live.experiments.get(nameOf(key)) ?? []);
}

/** The live holdouts of a namespace. */
export function holdoutsIn(live: LiveMaps, namespace: string): Live<Holdout>[] {
  return [...live.holdouts.values()].filter(({ document }) => document.metadata.namespace === namespace);
}

/** The models of an experiment's arms in one objective, each once, as `<namespace>/<name>`. */
function armModels(experiment: Experiment, objective: string): string[] {
  const arms = experiment.spec.targets.find((target) => target.objective === objective)?.arms ?? {};
  return Object.values(arms).map(({ model }) => `${experiment.metadata.namespace}/${model}`);
}

/**
 * The models that a live objective and the experiments on it name, each once, as `<namespace>/<name>`: every version of
 * each has a routing key in the objective.
 */
export function modelsIn(live: LiveDocuments, objective: Objective): string[] {
  const experiments = experimentsOn(live, qualifiedName(objective));
  const inArms = experiments.flatMap(({ document }) => armModels(document, objective.metadata.name));
  return inArms.length === 0 ? modelsOf(objective) : [...new Set([...modelsOf(objective), ...inArms])];
}

/**
 * The revision of an objective: the highest among itself, the experiments on it and the holdouts of those, the audiences
 * they ask for, the models that they name and the shards of their placements.
 * 0 when no such objective (`<namespace>/<name>`) is live.
 */
export function objectiveRevision(live: LiveDocuments, objectiveName: string): number {
  const objective = live.objectives.get(objectiveName);
  if (!objective) return 0;
  const experiments = experimentsOn(live, objectiveName);
  const holdouts = experiments.length === 0 ? [] : holdoutsIn(live, objective.document.metadata.namespace);
  let highest = objective.revision;
  for (const { revision } of [...experiments, ...holdouts]) highest = Math.max(highest, revision);
  for (const { document } of [objective, ...experiments]) {
    for (const name of audiencesOf(live, document)) {
      highest = Math.max(highest, live.audiences.get(name)?.revision ?? 0);
    }
  }
  for (const modelName of modelsIn(live, objective.document)) {
    const model = live.models.get(modelName);
    if (!model) continue;
    highest = Math.max(highest, model.revision);
    for (const shardName of shardsOf(model.document)) {
      highest = Math.max(highest, live.shards.get(shardName)?.revision ?? 0);
    }
  }
  return highest;
}

/**
 * The live objectives (`<namespace>/<name>`) that need something that differs between two values, and those that only
 * one of them has: what a consumer has to look at again when `after` follows `before`.
 */
export function affectedObjectives(before: LiveDocuments, after: LiveDocuments): Set<string> {
  return doAtOnce(findingAffected(before, after));
}

/** {@link affectedObjectives}, which yields after each thing that it looks at. */
export function* findingAffected(before: LiveDocuments, after: LiveDocuments): Work<Set<string>> {
  const affected = new Set<string>();
  for (const name of changedKeys(before.objectives, after.objectives)) {
    affected.add(name);
    yield;
  }
  const toFollow: string[] = [];
  for (const shard of changedKeys(before.shards, after.shards)) toFollow.push(keyOf("shard", shard));
  for (const model of changedKeys(before.models, after.models)) toFollow.push(keyOf("model", model));
  for (const audience of changedKeys(before.audiences, after.audiences)) toFollow.push(keyOf("audience", audience));
  for (const name of changedKeys(before.experiments, after.experiments)) toFollow.push(keyOf("experiment", name));
  for (const holdout of changedKeys(before.holdouts, after.holdouts)) {
    const [namespace] = holdout.split("/");
    for (const live of [before, after]) {
      for (const name of live.experiments.keys()) {
        if (name.startsWith(`${namespace}/`)) toFollow.push(keyOf("experiment", name));
      }
    }
  }
  const followed = new Set<string>();
  for (let key = toFollow.pop(); key !== undefined; key = toFollow.pop()) {
    if (followed.has(key)) continue;
    followed.add(key);
    if (key.startsWith("objective.")) affected.add(nameOf(key));
    for (const live of [before, after]) {
      if (key.startsWith("experiment.")) for (const name of targetsOf(live, nameOf(key))) affected.add(name);
      else if (!key.startsWith("objective.")) for (const dependent of dependentsOf(live, key)) toFollow.push(dependent);
    }
    yield;
  }
  return affected;
}

/** The objectives that a live experiment spans, as `<namespace>/<name>`. */
function targetsOf(live: LiveMaps, experimentName: string): string[] {
  const experiment = live.experiments.get(experimentName)?.document;
  const { namespace } = experiment?.metadata ?? {};
  return experiment?.spec.targets.map(({ objective }) => `${namespace}/${objective}`) ?? [];
}

function keyOf(kind: Lowercase<Kind>, name: string): string {
  return `${kind}.${name.replace("/", ".")}`;
}

function nameOf(key: string): string {
  const [, namespace, name] = key.split(".");
  return `${namespace}/${name}`;
}
