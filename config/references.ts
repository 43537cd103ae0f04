import type { Reference } from "./dependencies.ts";
import { referencesOf } from "./dependencies.ts";
import { documentKey, type SignalboxDocument } from "./documents/document.ts";
import type { Model } from "./documents/model.ts";
import type { Shard } from "./documents/shard.ts";
import { suggestion } from "./nearest.ts";
import { transports } from "./protocols.ts";

/** Finds documents by `<namespace>/<name>`, in whatever set is being checked. */
export type Lookup = {
  shard(qualifiedName: string): Shard | undefined;
  model(qualifiedName: string): Model | undefined;
  /** The names of one kind in a namespace, for suggestions. */
  names(kind: "Model" | "Shard", namespace: string): readonly string[];
};

/** A reference of one document that another document does not meet. */
export type ReferenceProblem = {
  readonly path: string;
  readonly message: string;
  /** The key of the document whose change could mend it. */
  readonly target: string;
};

/** What stands between one valid document and the documents that it names. */
export function referenceProblems(document: SignalboxDocument, lookup: Lookup): ReferenceProblem[] {
  switch (document.kind) {
    case "Shard":
      return [];
    case "Model":
      return [
        ...referencesOf(document).flatMap((reference) => missingShard(reference, lookup)),
        ...transportProblems(document, lookup),
      ];
    case "Objective":
      return referencesOf(document).flatMap((reference) => missingVersion(reference, lookup));
    default:
      return document satisfies never;
  }
}

function missingShard(reference: Reference, lookup: Lookup): ReferenceProblem[] {
  if (lookup.shard(`${reference.namespace}/${reference.name}`)) return [];
  return [missing(reference, "shard", lookup.names("Shard", reference.namespace))];
}

function missingVersion(reference: Reference, lookup: Lookup): ReferenceProblem[] {
  const model = lookup.model(`${reference.namespace}/${reference.name}`);
  if (!model) return [missing(reference, "model", lookup.names("Model", reference.namespace))];
  const versions = model.spec.versions.map(({ version }) => version);
  const wanted = reference.version ?? "";
  if (versions.includes(wanted)) return [];
  const message = `model ${reference.namespace}/${reference.name} has no version "${wanted}"; it has ${versions.map((version) => `"${version}"`).join(", ")}`;
  return [{ path: `${reference.path}.version`, message, target: documentKey(reference) }];
}

function missing(reference: Reference, noun: "model" | "shard", names: readonly string[]): ReferenceProblem {
  const hint =
    names.length === 0 ? `; namespace ${reference.namespace} has none yet` : suggestion(reference.name, names);
  return {
    path: `${reference.path}.${noun}`,
    message: `there is no ${noun} "${reference.name}" in namespace ${reference.namespace}${hint}`,
    target: documentKey(reference),
  };
}

function transportProblems(model: Model, lookup: Lookup): ReferenceProblem[] {
  const { namespace } = model.metadata;
  const allowed = transports[model.spec.protocol];
  return model.spec.versions.flatMap(({ placement, version }, v) => {
    const placed = placement.flatMap(({ shard }, p) => {
      const found = lookup.shard(`${namespace}/${shard}`);
      const target = documentKey({ kind: "Shard", namespace, name: shard });
      return found
        ? [{ shard, protocol: found.spec.protocol, path: `spec.versions[${v}].placement[${p}].shard`, target }]
        : [];
    });
    const first = placed[0];
    return placed.flatMap(({ shard, protocol, path, target }) => {
      if (!allowed.includes(protocol)) {
        const message = `shard "${shard}" speaks ${protocol}, but ${model.spec.protocol} needs ${allowed.join(" or ")}`;
        return [{ path, message, target }];
      }
      if (!first || (protocol === "grpc") === (first.protocol === "grpc")) return [];
      const message = `shard "${shard}" speaks ${protocol} and shard "${first.shard}" ${first.protocol}; a request cannot go to either, so the shards of version "${version}" must be all grpc or none`;
      return [{ path, message, target }];
    });
  });
}
