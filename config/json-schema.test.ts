import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { arbitraryDocument } from "../test/support/arbitrary-documents.ts";
import { writtenModel, writtenObjective, writtenShard } from "../test/support/written-documents.ts";
import { jsonSchemas } from "./json-schema.ts";

const schemas = jsonSchemas();
const validators = new Map(
  Object.entries(schemas).map(([file, schema]) => [
    file,
    new Ajv2020({ strict: false, validateFormats: false, allErrors: true }).compile(schema),
  ]),
);
const accepts = (file: string, document: unknown) => validators.get(file)?.(document);

test.each(Object.entries(schemas))("%s in config/schema is current: `npm run generate` writes it", (file, schema) => {
  const written = readFileSync(new URL(`./schema/${file}`, import.meta.url), "utf8");
  expect(JSON.parse(written)).toEqual(JSON.parse(JSON.stringify(schema)));
});

test("each kind has a schema, and one takes them all", () => {
  const own = ["shard", "model", "audience", "objective", "holdout", "experiment", "pin"].map((kind) => `${kind}.json`);
  expect(Object.keys(schemas)).toEqual([...own, "signalbox.json"]);
});

test("an independent validator accepts any valid document as it is written", () => {
  fc.assert(
    fc.property(arbitraryDocument, ({ written, document }) => {
      expect(accepts("signalbox.json", written)).toBe(true);
      expect(accepts(`${document.kind.toLowerCase()}.json`, written)).toBe(true);
    }),
  );
});

describe("an independent validator refuses", () => {
  const objective = writtenObjective("home", "ranker", "7");
  const serve = { model: "m", version: "1" };
  test.each([
    ["an unknown field", { ...objective, spec: { ...objective.spec, defualt: 1 } }],
    ["another kind", { ...objective, kind: "Deployment" }],
    ["another version", { ...objective, apiVersion: "v1" }],
    ["a missing field", { ...objective, spec: {} }],
    ["a name that is no DNS label", writtenObjective("Home", "ranker", "7")],
    ["a version that is a number", writtenObjective("home", "ranker", 7 as unknown as string)],
    ["257 rules", { ...objective, spec: { ...objective.spec, rules: Array(257).fill({ name: "r", serve }) } }],
    [
      "a rule with split and serve",
      {
        ...objective,
        spec: {
          ...objective.spec,
          rules: [{ name: "r", serve, split: { variants: [{ name: "v", weight: 1, ...serve }] } }],
        },
      },
    ],
    [
      "an unknown operator",
      { ...objective, spec: { ...objective.spec, rules: [{ name: "r", serve, when: { a: { is: 1 } } }] } },
    ],
    [
      "an unknown operator deep inside",
      {
        ...objective,
        spec: { ...objective.spec, rules: [{ name: "r", serve, when: { or: [{ not: { a: { is: 1 } } }] } }] },
      },
    ],
    ["a model without versions", writtenModel("m", [], "a")],
    ["a shard without endpoints and dns", writtenShard("s", { endpoints: undefined })],
  ])("%s", (_what, document) => {
    const plain = JSON.parse(JSON.stringify(document));
    expect(accepts("signalbox.json", plain)).toBe(false);
  });
});
