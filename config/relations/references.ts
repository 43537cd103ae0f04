import type { Condition, Operators } from "../documents/condition.ts";
import { documentKey, type SignalboxDocument } from "../documents/document.ts";
import type { Experiment } from "../documents/experiment.ts";
import type { Model } from "../documents/model.ts";
import type { Objective, Rule } from "../documents/objective.ts";
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
  const references: Reference[] = [];
  visitReferences(document, (kind, name, version, place, first, second) => {
    references.push(referenceTo(document, kind, name, version, place, first, second));
  });
  return references;
}

/**
 * Hears of one reference: what it names, and where it stands, as a field path with `#` for the index `first`, then one for
 * `second`. So nothing has to be made of a reference that is good, as nearly all are.
 */
export type ReferenceVisitor = (
  kind: Reference["kind"],
  name: string,
  version: string | undefined,
  place: string,
  first?: number,
  second?: number,
) => void;

/** The reference that a {@link ReferenceVisitor} heard of. */
export function referenceTo(
  { metadata: { namespace } }: SignalboxDocument,
  ...[kind, name, version, place, first, second]: Parameters<ReferenceVisitor>
): Reference {
  const withIndex = (path: string, index: number | undefined) =>
    index === undefined ? path : path.replace("#", String(index));
  const path = withIndex(withIndex(place, first), second);
  return { kind, namespace, name, ...(version === undefined ? {} : { version }), path };
}

/** {@link referencesOf}, one after the other. */
export function visitReferences(document: SignalboxDocument, visit: ReferenceVisitor): void {
  switch (document.kind) {
    case "Shard":
    case "Holdout":
      break;
    case "Model":
      visitShards(document, visit);
      break;
    case "Audience":
      visitNames("Audience", document.spec.parts, "spec.parts[#]", visit);
      break;
    case "Objective":
      visitModels(document, visit);
      visitRulesAudiences(document, visit);
      break;
    case "Experiment":
      visitTargets(document, visit);
      visitAudiences(document.spec.when, visit, "spec.when");
      break;
    case "Pin":
      visitNames("Objective", document.spec.objectives, "spec.objectives[#]", visit);
      break;
    default:
      document satisfies never;
  }
}

function visitNames(
  kind: Reference["kind"],
  names: readonly string[] | undefined,
  place: string,
  visit: ReferenceVisitor,
): void {
  for (const [index, name] of (names ?? []).entries()) visit(kind, name, undefined, place, index);
}

function visitShards({ spec }: Model, visit: ReferenceVisitor): void {
  for (const [v, { placement }] of spec.versions.entries()) {
    for (const [p, { shard }] of placement.entries())
      visit("Shard", shard, undefined, "spec.versions[#].placement[#]", v, p);
  }
}

function visitModels({ spec }: Objective, visit: ReferenceVisitor): void {
  visit("Model", spec.default.model, spec.default.version, "spec.default");
  spec.rules.forEach(({ serve, split }, r) => {
    if (serve) visit("Model", serve.model, serve.version, "spec.rules[#].serve", r);
    split?.variants.forEach(({ model, version }, v) => {
      visit("Model", model, version, "spec.rules[#].split.variants[#]", r, v);
    });
  });
  spec.shadow.forEach(({ model, version }, s) => {
    visit("Model", model, version, "spec.shadow[#]", s);
  });
}

function visitRulesAudiences({ spec }: Objective, visit: ReferenceVisitor): void {
  spec.rules.forEach(({ when }, r) => {
    if (when) visitAudiences(when, visit, "spec.rules[#].when", r);
  });
}

function visitTargets({ spec }: Experiment, visit: ReferenceVisitor): void {
  for (const [t, { objective, arms }] of spec.targets.entries()) {
    visit("Objective", objective, undefined, "spec.targets[#]", t);
    for (const [arm, { model, version }] of Object.entries(arms))
      visit("Model", model, version, formatPath(["spec", "targets", t, "arms", arm]));
  }
}

/** The audiences that a condition at a place asks for, however deep. */
function visitAudiences(
  condition: Condition | undefined,
  visit: ReferenceVisitor,
  place: string,
  first?: number,
): void {
  for (const key of Object.keys(condition ?? {})) {
    const value = condition?.[key];
    if (typeof value !== "object" || value === null) continue;
    const own = () => `${place}${formatPath([key]).replace(/^(?!\[)/, ".")}`;
    if (key === "and" || key === "or") {
      for (const [p, part] of (value as readonly Condition[]).entries())
        visitAudiences(part, visit, `${own()}[${p}]`, first);
    } else if (key === "not") visitAudiences(value as Condition, visit, own(), first);
    else {
      const name = (value as Operators).inAudience;
      if (name !== undefined) visit("Audience", name, undefined, `${own()}.inAudience`, first);
    }
  }
}

/** The names of the audiences that the conditions of an objective or experiment ask for. */
export function audiencesIn(document: Objective | Experiment): string[] {
  const names: string[] = [];
  const visit: ReferenceVisitor = (_kind, name) => void names.push(name);
  if (document.kind === "Objective") visitRulesAudiences(document, visit);
  else visitAudiences(document.spec.when, visit, "");
  return names;
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
  const { namespace } = document.metadata;
  const keys = new Set<string>();
  let last = "";
  visitReferences(document, (kind, name) => {
    // Most name the same model in one place after the other.
    if (kind === "Model" && name === last) return;
    if (kind === "Model") last = name;
    keys.add(documentKey({ kind, namespace, name }));
  });
  const layer = document.kind === "Experiment" ? document.spec.layer : undefined;
  return layer ? keys.add(layerKey(namespace, layer.name)) : keys;
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
  const names = model.spec.versions.flatMap(({ placement }) => placement.map(({ shard }) => shard));
  return Array.from(new Set(names), (name) => `${model.metadata.namespace}/${name}`);
}
