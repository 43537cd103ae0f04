import type { Condition, Operators } from "./documents/condition.ts";
import { documentKey, type Kind, qualifiedName, type SignalboxDocument } from "./documents/document.ts";
import type { Experiment } from "./documents/experiment.ts";
import type { Holdout } from "./documents/holdout.ts";
import type { Model } from "./documents/model.ts";
import type { Objective, Rule } from "./documents/objective.ts";
import type { Pin } from "./documents/pin.ts";
import { formatPath } from "./field-path.ts";
import { type Live, type LiveDocuments, type LiveMaps, liveMapsOf } from "./live-documents.ts";
import { changedKeys, type SharedMap, sharedMap } from "./shared-map.ts";

/** One document naming another one of its namespace, and where it does so. */
export type Reference = {
  readonly kind: "Model" | "Shard" | "Audience" | "Objective";
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
    case "Holdout":
      return [];
    case "Model":
      return shardReferences(document);
    case "Audience":
      return (document.spec.parts ?? []).map((part, p) => audience(document, part, `spec.parts[${p}]`));
    case "Objective":
      return [...modelReferences(document), ...rulesAudiences(document)];
    case "Experiment":
      return experimentReferences(document);
    case "Pin":
      return pinReferences(document);
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

function rulesAudiences(objective: Objective): Reference[] {
  return objective.spec.rules.flatMap(({ when }, r) => audiencesIn(objective, when, `spec.rules[${r}].when`));
}

function experimentReferences(experiment: Experiment): Reference[] {
  const { namespace } = experiment.metadata;
  const { when, targets } = experiment.spec;
  return [
    ...targets.flatMap(({ objective, arms }, t): Reference[] => [
      { kind: "Objective", namespace, name: objective, path: `spec.targets[${t}]` },
      ...Object.entries(arms).map(([arm, { model, version }]): Reference => {
        const path = formatPath(["spec", "targets", t, "arms", arm]);
        return { kind: "Model", namespace, name: model, version, path };
      }),
    ]),
    ...audiencesIn(experiment, when, "spec.when"),
  ];
}

function pinReferences({ metadata: { namespace }, spec: { objectives = [] } }: Pin): Reference[] {
  return objectives.map((name, o) => ({ kind: "Objective" as const, namespace, name, path: `spec.objectives[${o}]` }));
}

type Named = { readonly metadata: { readonly namespace: string } };

function audience({ metadata: { namespace } }: Named, name: string, path: string): Reference {
  return { kind: "Audience", namespace, name, path };
}

/** The audiences that a condition asks for, however deep. */
function audiencesIn(owner: Named, condition: Condition | undefined, path: string): Reference[] {
  return Object.entries(condition ?? {}).flatMap(([key, value]): Reference[] => {
    const own = `${path}${formatPath([key]).replace(/^(?!\[)/, ".")}`;
    if (key === "and" || key === "or")
      return (value as Condition[]).flatMap((part, p) => audiencesIn(owner, part, `${own}[${p}]`));
    if (key === "not") return audiencesIn(owner, value as Condition, own);
    const name = typeof value === "object" ? (value as Operators).inAudience : undefined;
    return name === undefined ? [] : [audience(owner, name, `${own}.inAudience`)];
  });
}

/** The audiences that a document's conditions ask for and their parts, each once, as `<namespace>/<name>`. */
export function audiencesOf(live: LiveMaps, document: Objective | Experiment): string[] {
  const { namespace } = document.metadata;
  const references =
    document.kind === "Objective" ? rulesAudiences(document) : audiencesIn(document, document.spec.when, "");
  const direct = references.map(({ name }) => name);
  const parts = direct.flatMap((name) => live.audiences.get(`${namespace}/${name}`)?.document.spec.parts ?? []);
  return [...new Set([...direct, ...parts])].map((name) => `${namespace}/${name}`);
}

/**
 * What experiments of one layer name in common. A layer is no document: it is there as soon as an experiment is in it.
 */
export function layerKey(namespace: string, layer: string): string {
  return `layer.${namespace}.${layer}`;
}

/** Whether an objective or experiment names one of these versions of a model of its namespace, anywhere. */
export function namesVersion(document: SignalboxDocument, model: string, versions: ReadonlySet<string>): boolean {
  if (document.kind === "Experiment")
    return document.spec.targets.some(({ arms }) =>
      Object.values(arms).some((target) => target.model === model && versions.has(target.version)),
    );
  if (document.kind !== "Objective") return false;
  const { spec } = document;
  const isOne = (target: { readonly model: string; readonly version: string }) =>
    target.model === model && versions.has(target.version);
  const inRule = ({ serve, split }: Rule) => (serve ? isOne(serve) : (split?.variants.some(isOne) ?? false));
  return isOne(spec.default) || spec.rules.some(inRule) || spec.shadow.some(isOne);
}

/** The document keys that a document names, each once; of an experiment in a layer, the layer's too. */
export function referencedKeys(document: SignalboxDocument): Set<string> {
  const keys = new Set(referencesOf(document).map(documentKey));
  const layer = document.kind === "Experiment" ? document.spec.layer : undefined;
  return layer ? keys.add(layerKey(document.metadata.namespace, layer.name)) : keys;
}

/** The models that an objective itself names (default, rules, shadows), each once, as `<namespace>/<name>`. */
export function modelsOf(objective: Objective): string[] {
  return [...new Set(modelReferences(objective).map(({ namespace, name }) => `${namespace}/${name}`))];
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

/** The shards in the placements of all versions of a model, each once, as `<namespace>/<name>`. */
export function shardsOf(model: Model): string[] {
  return [...new Set(shardReferences(model).map(({ namespace, name }) => `${namespace}/${name}`))];
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

/** Who names whom: a document key to the keys of the live documents that name it. */
export type Dependents = SharedMap<SharedMap<true>>;

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
  const documents = liveMapsOf(live).flatMap((map) => [...map.values()].map(({ document }) => document));
  const index = namersOf(
    documents.map((document) => [documentKey({ kind: document.kind, ...document.metadata }), document]),
  );
  return sharedMap(new Map([...index].map(([target, dependents]) => [target, sharedMap(dependents)])));
}

function namersOf(documents: Iterable<readonly [key: string, document: SignalboxDocument | null]>) {
  const index = new Map<string, Map<string, true>>();
  for (const [dependent, document] of documents) {
    for (const target of document ? referencedKeys(document) : []) {
      const dependents = index.get(target);
      if (dependents) dependents.set(dependent, true);
      else index.set(target, new Map([[dependent, true]]));
    }
  }
  return index;
}

/** Finds, among some documents, the keys of those that name one; the index is built when it is first asked for. */
export function namersIn(
  documents: Iterable<readonly [key: string, document: SignalboxDocument | null]>,
): (key: string) => Iterable<string> {
  let index: ReadonlyMap<string, ReadonlyMap<string, true>> | undefined;
  return (key) => {
    index ??= namersOf(documents);
    return index.get(key)?.keys() ?? [];
  };
}

/** The keys of the live documents that name the one with this key. */
export function dependentsOf(live: LiveDocuments, key: string): Iterable<string> {
  return dependentsIndex(live).get(key)?.keys() ?? [];
}

/**
 * The live objectives (`<namespace>/<name>`) that need something that differs between two values, and those that only
 * one of them has: what a consumer has to look at again when `after` follows `before`.
 */
export function affectedObjectives(before: LiveDocuments, after: LiveDocuments): Set<string> {
  const affected = new Set<string>(changedKeys(before.objectives, after.objectives));
  const followed = new Set<string>();
  const follow = (key: string): void => {
    if (followed.has(key)) return;
    followed.add(key);
    if (key.startsWith("objective.")) affected.add(nameOf(key));
    for (const live of [before, after]) {
      if (key.startsWith("experiment.")) for (const name of targetsOf(live, nameOf(key))) affected.add(name);
      else if (!key.startsWith("objective.")) for (const dependent of dependentsOf(live, key)) follow(dependent);
    }
  };
  for (const shard of changedKeys(before.shards, after.shards)) follow(keyOf("shard", shard));
  for (const model of changedKeys(before.models, after.models)) follow(keyOf("model", model));
  for (const audience of changedKeys(before.audiences, after.audiences)) follow(keyOf("audience", audience));
  for (const experiment of changedKeys(before.experiments, after.experiments)) follow(keyOf("experiment", experiment));
  for (const holdout of changedKeys(before.holdouts, after.holdouts)) {
    const [namespace] = holdout.split("/");
    for (const live of [before, after]) {
      for (const name of live.experiments.keys()) {
        if (name.startsWith(`${namespace}/`)) follow(keyOf("experiment", name));
      }
    }
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

/** How messages name a document: `Objective default/homepage-ranking`. */
export function documentTitle(document: SignalboxDocument): string {
  return `${document.kind} ${qualifiedName(document)}`;
}
