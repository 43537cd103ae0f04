import { documentKey, qualifiedName, type SignalboxDocument } from "./documents/document.ts";
import type { Model } from "./documents/model.ts";
import type { Objective, Rule } from "./documents/objective.ts";
import type { LiveDocuments } from "./live-documents.ts";

/** One document naming another one of its namespace, and where it does so. */
export type Reference = {
  readonly kind: "Model" | "Shard";
  readonly namespace: string;
  readonly name: string;
  /** The model version; absent for shards. */
  readonly version?: string;
  /** Field path of the object that holds the reference, such as `spec.rules[0].split.variants[1]`. */
  readonly path: string;
};

/** Everything that a document names, in document order; the same target may come several times. */
export function referencesOf(document: SignalboxDocument): Reference[] {
  switch (document.kind) {
    case "Shard":
      return [];
    case "Model":
      return shardReferences(document);
    case "Objective":
      return modelReferences(document);
    default:
      return document satisfies never;
  }
}

function shardReferences(model: Model): Reference[] {
  const { namespace } = model.metadata;
  return model.spec.versions.flatMap((version, v) =>
    version.placement.map(({ shard }, p) => ({
      kind: "Shard" as const,
      namespace,
      name: shard,
      path: `spec.versions[${v}].placement[${p}]`,
    })),
  );
}

function modelReferences(objective: Objective): Reference[] {
  const { namespace } = objective.metadata;
  const to = (target: { readonly model: string; readonly version: string }, path: string): Reference => ({
    kind: "Model",
    namespace,
    name: target.model,
    version: target.version,
    path,
  });
  const references = [to(objective.spec.default, "spec.default")];
  objective.spec.rules.forEach((rule, r) => {
    if (rule.serve) references.push(to(rule.serve, `spec.rules[${r}].serve`));
    rule.split?.variants.forEach((variant, v) => {
      references.push(to(variant, `spec.rules[${r}].split.variants[${v}]`));
    });
  });
  objective.spec.shadow.forEach((shadow, s) => {
    references.push(to(shadow, `spec.shadow[${s}]`));
  });
  return references;
}

/** Whether an objective names one of these versions of a model of its namespace, anywhere. */
export function namesVersion({ spec }: Objective, model: string, versions: ReadonlySet<string>): boolean {
  const isOne = (target: { readonly model: string; readonly version: string }) =>
    target.model === model && versions.has(target.version);
  const inRule = ({ serve, split }: Rule) => (serve ? isOne(serve) : (split?.variants.some(isOne) ?? false));
  return isOne(spec.default) || spec.rules.some(inRule) || spec.shadow.some(isOne);
}

/** The document keys that a document names, each once. */
export function referencedKeys(document: SignalboxDocument): Set<string> {
  return new Set(referencesOf(document).map(documentKey));
}

/**
 * The models that an objective names (default, rules, shadows), each once, as `<namespace>/<name>`: every version of
 * each has a routing key in the objective.
 */
export function modelsOf(objective: Objective): string[] {
  return [...new Set(modelReferences(objective).map(({ namespace, name }) => `${namespace}/${name}`))];
}

/** The shards in the placements of all versions of a model, each once, as `<namespace>/<name>`. */
export function shardsOf(model: Model): string[] {
  return [...new Set(shardReferences(model).map(({ namespace, name }) => `${namespace}/${name}`))];
}

/**
 * The revision of an objective: the highest among itself, the models that it names and the shards of their placements.
 * 0 when no such objective (`<namespace>/<name>`) is live.
 */
export function objectiveRevision(live: LiveDocuments, objectiveName: string): number {
  const objective = live.objectives.get(objectiveName);
  if (!objective) return 0;
  let highest = objective.revision;
  for (const modelName of modelsOf(objective.document)) {
    const model = live.models.get(modelName);
    if (!model) continue;
    highest = Math.max(highest, model.revision);
    for (const shardName of shardsOf(model.document)) {
      highest = Math.max(highest, live.shards.get(shardName)?.revision ?? 0);
    }
  }
  return highest;
}

/** Who names whom: a document key to the keys of the live documents that name it. */
export type Dependents = ReadonlyMap<string, ReadonlySet<string>>;

const noDependents: ReadonlySet<string> = new Set();

// The index is worth as much as the live documents that it was made from, and lives as long.
const known = new WeakMap<LiveDocuments, Dependents>();

/** The reverse index of live documents: built once for each value, in a pass over everything when it is not known yet. */
export function dependentsIndex(live: LiveDocuments): Dependents {
  let index = known.get(live);
  if (!index) {
    index = buildIndex(live);
    known.set(live, index);
  }
  return index;
}

/** Gives the index of a new value that was derived from another, so that it need not be built again. */
export function rememberDependents(live: LiveDocuments, index: Dependents): void {
  known.set(live, index);
}

function buildIndex(live: LiveDocuments): Dependents {
  const index = new Map<string, Set<string>>();
  for (const map of [live.models, live.objectives]) {
    for (const { document } of map.values()) {
      const dependent = documentKey({ kind: document.kind, ...document.metadata });
      for (const target of referencedKeys(document)) {
        const dependents = index.get(target);
        if (dependents) dependents.add(dependent);
        else index.set(target, new Set([dependent]));
      }
    }
  }
  return index;
}

/** The keys of the live documents that name the one with this key. */
export function dependentsOf(live: LiveDocuments, key: string): ReadonlySet<string> {
  return dependentsIndex(live).get(key) ?? noDependents;
}

/**
 * The live objectives (`<namespace>/<name>`) that need something that differs between two values, and those that only
 * one of them has: what a consumer has to look at again when `after` follows `before`.
 */
export function affectedObjectives(before: LiveDocuments, after: LiveDocuments): Set<string> {
  const affected = new Set<string>();
  for (const name of changedNames(before.objectives, after.objectives)) affected.add(name);
  const changedModels = new Set(changedNames(before.models, after.models));
  for (const shard of changedNames(before.shards, after.shards)) {
    for (const live of [before, after]) {
      for (const key of dependentsOf(live, keyOf("shard", shard))) changedModels.add(nameOf(key));
    }
  }
  for (const model of changedModels) {
    for (const live of [before, after]) {
      for (const key of dependentsOf(live, keyOf("model", model))) affected.add(nameOf(key));
    }
  }
  return affected;
}

function* changedNames<D>(before: ReadonlyMap<string, D>, after: ReadonlyMap<string, D>): Generator<string> {
  if (before === after) return;
  for (const [name, live] of after) if (before.get(name) !== live) yield name;
  for (const name of before.keys()) if (!after.has(name)) yield name;
}

function keyOf(kind: "shard" | "model", name: string): string {
  return `${kind}.${name.replace("/", ".")}`;
}

function nameOf(key: string): string {
  const [, namespace, name] = key.split(".");
  return `${namespace}/${name}`;
}

/** How messages name a document: `Objective default/homepage-ranking`. */
export function documentTitle(document: SignalboxDocument): string {
  return `${document.kind} ${qualifiedName(document)}`;
}
