import type { StoredEntry } from "../../config/live-documents.ts";

/** Small documents as people write them, with only what a test is about. */
export type Written = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: Readonly<Record<string, unknown>>;
};

function written(kind: string, name: string, spec: Readonly<Record<string, unknown>>): Written {
  return { apiVersion: "signalbox.dev/v1", kind, metadata: { name }, spec };
}

export function writtenShard(name: string, spec: Readonly<Record<string, unknown>> = {}): Written {
  return written("Shard", name, { endpoints: [{ address: "10.0.0.1", port: 80 }], ...spec });
}

/** A model with these versions, all placed on the shard. */
export function writtenModel(
  name: string,
  versions: readonly string[],
  shard: string,
  spec: Readonly<Record<string, unknown>> = {},
): Written {
  return written("Model", name, {
    versions: versions.map((version) => ({ version, placement: [{ shard }] })),
    ...spec,
  });
}

/** An objective whose default is `model@version`. */
export function writtenObjective(
  name: string,
  model: string,
  version: string,
  spec: Readonly<Record<string, unknown>> = {},
): Written {
  return written("Objective", name, { default: { model, version }, ...spec });
}

/** An experiment of two arms, `control` (version 7) and `treatment` (version 8) of the model, on these objectives. */
export function writtenExperiment(
  name: string,
  model: string,
  objectives: readonly string[],
  spec: Readonly<Record<string, unknown>> = {},
): Written {
  const arms = { control: { model, version: "7" }, treatment: { model, version: "8" } };
  return written("Experiment", name, {
    arms: [{ name: "control" }, { name: "treatment" }],
    targets: objectives.map((objective) => ({ objective, arms })),
    ...spec,
  });
}

export function writtenAudience(name: string, spec: Readonly<Record<string, unknown>>): Written {
  return written("Audience", name, spec);
}

export function writtenHoldout(name: string, percent: number): Written {
  return written("Holdout", name, { percent });
}

/** A stored revision of a document; of a deletion when given a key. */
export function stored(revision: number, document: Written | string): StoredEntry {
  const at = new Date(revision * 1000).toISOString();
  if (typeof document === "string") return { key: document, revision, value: null, at };
  const { name, namespace = "default" } = document.metadata;
  const key = `${document.kind.toLowerCase()}.${namespace}.${name}`;
  return { key, revision, value: new TextEncoder().encode(JSON.stringify(document)), at };
}
