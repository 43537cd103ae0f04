import { z } from "zod";
import { anyDocumentSchema, kinds, schemas } from "./documents/document.ts";

type JsonSchema = Record<string, unknown>;

const titles = {
  Shard: "A serving cluster that hosts model versions",
  Model: "A model, its versions, and the shards that host each",
  Audience: "A list of units that conditions ask for",
  Objective: "A business use case: which model version answers for which context",
  Holdout: "Units of a namespace that are in none of its experiments",
  Experiment: "One allocation of units to arms, over several objectives",
  Pin: "Holds what is in use, for every consumer or for groups of resolvers and Envoys",
} as const satisfies Record<(typeof kinds)[number], string>;

/**
 * The JSON Schemas (draft 2020-12) of the documents as people write them, by file name: one a kind, and
 * `signalbox.json`, which takes any of them. What JSON Schema cannot say (unique names, patterns that compile,
 * references) is for `signalbox validate`.
 */
export function jsonSchemas(): Readonly<Record<string, JsonSchema>> {
  const single = kinds.map((kind) => [`${kind.toLowerCase()}.json`, schemaOf(kind)]);
  return { ...Object.fromEntries(single), "signalbox.json": anyDocument() };
}

function schemaOf(kind: (typeof kinds)[number]): JsonSchema {
  return withTitle(kind, titles[kind], generate(schemas[kind]));
}

function anyDocument(): JsonSchema {
  const { oneOf, ...rest } = generate(anyDocumentSchema);
  const named = (oneOf as JsonSchema[]).map((schema, index) => ({ title: kinds[index], ...schema }));
  return withTitle("Signalbox", "Any Signalbox document", { ...rest, type: "object", oneOf: named });
}

function generate(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: "input", target: "draft-2020-12" });
}

function withTitle(title: string, description: string, { $schema, ...schema }: JsonSchema): JsonSchema {
  return { $schema, title, description, ...schema };
}
