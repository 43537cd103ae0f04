import { documentId, documentKey, type Kind } from "../../config/documents/document.ts";
import type { LiveDocuments } from "../../config/live-documents.ts";
import { emptyLiveDocuments, settle } from "../../config/settle.ts";
import { validateDocument } from "../../config/validate.ts";

/** A document of the namespace default, or, with null as its spec, its deletion. */
export type Sample = readonly [kind: Kind, name: string, spec: object | null];

/** Settles samples as one batch on top of some documents, one revision each. Throws when one is refused. */
export function publish(samples: readonly Sample[], before: LiveDocuments = emptyLiveDocuments): LiveDocuments {
  const entries = samples.map(([kind, name, spec], index) => ({
    key: documentKey({ kind, namespace: "default", name }),
    revision: before.revision + 1 + index,
    value: spec && bytesOf(kind, name, spec),
    at: "2026-01-01T00:00:00.000Z",
  }));
  const live = settle(before, entries, new Date(0));
  const problems = [...live.rejections.values()].flatMap((rejection) => rejection.problems);
  if (problems.length > 0) throw new Error(JSON.stringify(problems, null, 2));
  return live;
}

function bytesOf(kind: string, name: string, spec: object): Uint8Array {
  const validation = validateDocument({ apiVersion: "signalbox.dev/v1", kind, metadata: { name }, spec });
  if (!validation.ok) throw new Error(JSON.stringify(validation.problems, null, 2));
  const id = documentId(validation.document);
  if (id.name !== name) throw new Error(`expected ${name}, found ${id.name}`);
  return Buffer.from(JSON.stringify(validation.document));
}

export const shard = (name: string, port = 8080): Sample => [
  "Shard",
  name,
  { endpoints: [{ address: "10.0.0.7", port }] },
];

/** Version -> the shards of its placement. */
export const model = (name: string, versions: Readonly<Record<string, readonly string[]>>): Sample => [
  "Model",
  name,
  {
    versions: Object.entries(versions).map(([version, shards]) => ({
      version,
      placement: shards.map((each) => ({ shard: each })),
    })),
  },
];

export const objective = (name: string, modelName: string, version: string, more: object = {}): Sample => [
  "Objective",
  name,
  { default: { model: modelName, version }, ...more },
];
