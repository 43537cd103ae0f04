import type { Audience } from "../documents/audience.ts";
import { documentKey, type SignalboxDocument } from "../documents/document.ts";
import type { Model } from "../documents/model.ts";
import type { Shard } from "../documents/shard.ts";
import { suggestion } from "../nearest.ts";
import { transports } from "../protocols.ts";
import { unreadableName } from "../sketch.ts";
import { experimentConflicts } from "./experiment-conflicts.ts";
import type { Lookup, ReferenceProblem } from "./reference-problem.ts";
import { type Reference, referencesOf, referenceTo, visitReferences } from "./references.ts";

function shardOf(lookup: Lookup, namespace: string, name: string): Shard | undefined {
  return lookup.find(documentKey({ kind: "Shard", namespace, name })) as Shard | undefined;
}

/** What stands between one document, valid or a sketch, and the documents that it names. */
export function referenceProblems(document: SignalboxDocument, lookup: Lookup): ReferenceProblem[] {
  switch (document.kind) {
    case "Shard":
    case "Holdout":
      return [];
    case "Model":
      return [...unmet(document, lookup), ...transportProblems(document, lookup)];
    case "Audience":
      return [...unmet(document, lookup), ...nestedParts(document, lookup)];
    case "Objective":
    case "Pin":
      return unmet(document, lookup);
    case "Experiment":
      return [...unmet(document, lookup), ...experimentConflicts(document, lookup)];
    default:
      return document satisfies never;
  }
}

/** References to documents or versions that are not there. */
function unmet(document: SignalboxDocument, lookup: Lookup): ReferenceProblem[] {
  const { namespace } = document.metadata;
  const problems: ReferenceProblem[] = [];
  let found: SignalboxDocument | undefined;
  visitReferences(document, (kind, name, version, ...place) => {
    if (name === unreadableName) return;
    // Most name the same document in one place after the other.
    if (found?.kind !== kind || found.metadata.name !== name)
      found = lookup.find(documentKey({ kind, namespace, name }));
    if (found && (found.kind !== "Model" || hasVersion(found, version))) return;
    const reference = referenceTo(document, kind, name, version, ...place);
    problems.push(found?.kind === "Model" ? missingVersion(reference, found) : missing(reference, lookup));
  });
  return problems;
}

function hasVersion({ spec }: Model, wanted = unreadableName): boolean {
  return wanted === unreadableName || spec.versions.some(({ version }) => version === wanted);
}

function missingVersion(reference: Reference, model: Model): ReferenceProblem {
  const versions = model.spec.versions.map(({ version }) => `"${version}"`).join(", ");
  const message = `model ${reference.namespace}/${reference.name} has no version "${reference.version}"; it has ${versions}`;
  return { path: `${reference.path}.version`, message, target: documentKey(reference) };
}

function missing(reference: Reference, lookup: Lookup): ReferenceProblem {
  const noun = reference.kind.toLowerCase();
  const names = lookup.names(reference.kind, reference.namespace);
  const hint =
    names.length === 0 ? `; namespace ${reference.namespace} has none yet` : suggestion(reference.name, names);
  return {
    path: reference.kind === "Audience" ? reference.path : `${reference.path}.${noun}`,
    message: `there is no ${noun} "${reference.name}" in namespace ${reference.namespace}${hint}`,
    target: documentKey(reference),
  };
}

/** Parts of parts would let audiences hold each other. */
function nestedParts(audience: Audience, lookup: Lookup): ReferenceProblem[] {
  return referencesOf(audience).flatMap((reference) => {
    const part = lookup.find(documentKey(reference));
    if (part?.kind !== "Audience" || part.spec.parts === undefined) return [];
    const message = `audience "${reference.name}" has parts itself; name those parts here instead`;
    return [{ path: reference.path, message, target: documentKey(reference) }];
  });
}

function transportProblems(model: Model, lookup: Lookup): ReferenceProblem[] {
  const { namespace } = model.metadata;
  const allowed = transports[model.spec.protocol];
  return model.spec.versions.flatMap(({ placement, version }, v) => {
    const placed = placement.flatMap(({ shard }, p) => {
      const found = shardOf(lookup, namespace, shard);
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
