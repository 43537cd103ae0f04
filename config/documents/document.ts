import { z } from "zod";
import { type Audience, audienceSchema } from "./audience.ts";
import { type Experiment, experimentSchema } from "./experiment.ts";
import { type Holdout, holdoutSchema } from "./holdout.ts";
import { type Model, modelSchema } from "./model.ts";
import { type Objective, objectiveSchema } from "./objective.ts";
import { type Pin, pinSchema } from "./pin.ts";
import { type Shard, shardSchema } from "./shard.ts";

/** Any document. */
export type SignalboxDocument = Shard | Model | Audience | Objective | Holdout | Experiment | Pin;
export type Kind = SignalboxDocument["kind"];

/**
 * One schema per kind: the only source of truth for types, validation and the JSON Schemas. A kind names only kinds
 * before it, and its own.
 */
export const schemas = {
  Shard: shardSchema,
  Model: modelSchema,
  Audience: audienceSchema,
  Objective: objectiveSchema,
  Holdout: holdoutSchema,
  Experiment: experimentSchema,
  Pin: pinSchema,
} as const;

/** Any document, as a schema. */
export const anyDocumentSchema = z.discriminatedUnion("kind", [
  schemas.Shard,
  schemas.Model,
  schemas.Audience,
  schemas.Objective,
  schemas.Holdout,
  schemas.Experiment,
  schemas.Pin,
]) satisfies z.ZodType<SignalboxDocument>;

export const kinds = Object.keys(schemas) as readonly Kind[];

/** What a document is called: unique in the store. */
export type DocumentId = { readonly kind: Kind; readonly namespace: string; readonly name: string };

/** The key in the store, `<kind>.<namespace>.<name>` with the kind in lower case. */
export function documentKey(id: DocumentId): string {
  return `${id.kind.toLowerCase()}.${id.namespace}.${id.name}`;
}

/** The inverse of {@link documentKey}; null when the key is not of that form. */
export function parseDocumentKey(key: string): DocumentId | null {
  const [kindPart, namespace, documentName, ...rest] = key.split(".");
  const kind = kinds.find((candidate) => candidate.toLowerCase() === kindPart);
  if (!kind || !namespace || !documentName || rest.length > 0) return null;
  return { kind, namespace, name: documentName };
}

export function documentId(document: SignalboxDocument): DocumentId {
  return { kind: document.kind, namespace: document.metadata.namespace, name: document.metadata.name };
}

/** `<namespace>/<name>`, unique within a kind; the maps of live documents are keyed by it. */
export function qualifiedName(document: {
  readonly metadata: { readonly namespace: string; readonly name: string };
}): string {
  return `${document.metadata.namespace}/${document.metadata.name}`;
}

/** How messages name a document: `Objective default/homepage-ranking`. */
export function documentTitle(document: SignalboxDocument): string {
  return `${document.kind} ${qualifiedName(document)}`;
}
