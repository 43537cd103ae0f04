import { modelVersion, name } from "./documents/common.ts";
import { condition } from "./documents/condition.ts";
import { type Kind, kinds, type SignalboxDocument } from "./documents/document.ts";
import { transports } from "./protocols.ts";

/** Stands in a sketch for a name that cannot be read; no document is called so. */
export const unreadableName = "";

/**
 * What a document that is not valid names, as far as it can be read: enough to check that against other documents
 * ({@link file://./references.ts}), and for nothing else. Every entry of a list is at its place. Null when it cannot be
 * told what the document is called.
 */
export function sketchOf(value: unknown): SignalboxDocument | null {
  const kind = kinds.find((candidate) => candidate === fieldOf(value, "kind"));
  const metadata = fieldOf(value, "metadata");
  const namespace = fieldOf(metadata, "namespace") ?? "default";
  const own = fieldOf(metadata, "name");
  if (!kind || typeof own !== "string" || typeof namespace !== "string") return null;
  const spec = specs[kind](fieldOf(value, "spec"));
  return { kind, metadata: { namespace, name: own }, spec } as unknown as SignalboxDocument;
}

const specs: Readonly<Record<Kind, (spec: unknown) => Readonly<Record<string, unknown>>>> = {
  Shard: (spec) => ({ protocol: fieldOf(spec, "protocol") ?? "http1" }),
  Holdout: () => ({}),
  Audience: (spec) => ({ parts: entriesOf(spec, "parts").map(nameIn) }),
  Pin: (spec) => ({ objectives: entriesOf(spec, "objectives").map(nameIn) }),
  Model: (spec) => ({ protocol: protocolOf(spec), versions: entriesOf(spec, "versions").map(placed) }),
  Objective: (spec) => ({
    default: target(fieldOf(spec, "default")),
    rules: entriesOf(spec, "rules").map(rule),
    shadow: entriesOf(spec, "shadow").map(target),
  }),
  Experiment: (spec) => ({
    when: readCondition(spec),
    targets: entriesOf(spec, "targets").map((each) => ({
      objective: nameIn(fieldOf(each, "objective")),
      arms: Object.fromEntries(Object.entries(fieldOf(each, "arms") ?? {}).map(([arm, own]) => [arm, target(own)])),
    })),
    // Whether it competes with others cannot be told from a sketch.
    allocation: { by: "cells" },
  }),
};

function protocolOf(spec: unknown): unknown {
  const protocol = fieldOf(spec, "protocol") ?? "open-inference";
  // Of one that cannot be read, nobody knows what its shards have to speak.
  return typeof protocol === "string" && Object.hasOwn(transports, protocol) ? protocol : "raw";
}

function placed(version: unknown) {
  return {
    version: versionIn(version),
    placement: entriesOf(version, "placement").map((each) => ({ shard: nameIn(fieldOf(each, "shard")) })),
  };
}

function rule(value: unknown) {
  const [serve, split] = [fieldOf(value, "serve"), fieldOf(value, "split")];
  return {
    when: readCondition(value),
    ...(serve === undefined ? {} : { serve: target(serve) }),
    ...(split === undefined ? {} : { split: { variants: entriesOf(split, "variants").map(target) } }),
  };
}

function readCondition(owner: unknown): unknown {
  return condition.safeParse(fieldOf(owner, "when")).data;
}

function target(value: unknown) {
  return { model: nameIn(fieldOf(value, "model")), version: versionIn(value) };
}

function versionIn(owner: unknown): string {
  return modelVersion.safeParse(fieldOf(owner, "version")).data ?? unreadableName;
}

function nameIn(value: unknown): string {
  return name.safeParse(value).data ?? unreadableName;
}

function entriesOf(owner: unknown, field: string): readonly unknown[] {
  const value = fieldOf(owner, field);
  return Array.isArray(value) ? value : [];
}

function fieldOf(owner: unknown, field: string): unknown {
  if (typeof owner !== "object" || owner === null || !Object.hasOwn(owner, field)) return undefined;
  return (owner as Readonly<Record<string, unknown>>)[field];
}
