import type { Condition, Operators } from "../documents/condition.ts";
import { documentKey, type SignalboxDocument } from "../documents/document.ts";
import type { Experiment } from "../documents/experiment.ts";
import type { Model } from "../documents/model.ts";
import type { Objective, Rule } from "../documents/objective.ts";
import type { Pin } from "../documents/pin.ts";
import { formatPath } from "../field-path.ts";

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
    if (typeof value !== "object" || value === null) return [];
    const own = `${path}${formatPath([key]).replace(/^(?!\[)/, ".")}`;
    if (key === "and" || key === "or")
      return (value as Condition[]).flatMap((part, p) => audiencesIn(owner, part, `${own}[${p}]`));
    if (key === "not") return audiencesIn(owner, value as Condition, own);
    const name = (value as Operators).inAudience;
    return name === undefined ? [] : [audience(owner, name, `${own}.inAudience`)];
  });
}

/** Where an objective or experiment asks in its conditions for an audience. */
export function audienceReferences(document: Objective | Experiment): Reference[] {
  return document.kind === "Objective"
    ? rulesAudiences(document)
    : audiencesIn(document, document.spec.when, "spec.when");
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
  const { metadata, spec } = objective;
  const models = new Set([spec.default.model]);
  for (const { serve, split } of spec.rules) {
    if (serve) models.add(serve.model);
    for (const { model } of split?.variants ?? []) models.add(model);
  }
  for (const { model } of spec.shadow) models.add(model);
  return Array.from(models, (model) => `${metadata.namespace}/${model}`);
}

/** The shards in the placements of all versions of a model, each once, as `<namespace>/<name>`. */
export function shardsOf(model: Model): string[] {
  return [...new Set(shardReferences(model).map(({ namespace, name }) => `${namespace}/${name}`))];
}
