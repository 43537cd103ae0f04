import fc from "fast-check";
import { expect, test } from "vitest";
import { arbitraryDocument } from "../test/support/arbitrary-documents.ts";
import { documentId, type SignalboxDocument } from "./documents/document.ts";
import { referencesOf } from "./relations/references.ts";
import { sketchOf } from "./sketch.ts";

test("a sketch of any valid document names what the document names", () => {
  fc.assert(
    fc.property(arbitraryDocument, ({ written, document }) => {
      const sketch = sketchOf(written) as SignalboxDocument;
      expect(documentId(sketch)).toEqual(documentId(document));
      expect(referencesOf(sketch)).toEqual(referencesOf(document));
    }),
    { numRuns: 300 },
  );
});

test("a sketch can be made of anything that has a kind and a name", () => {
  const kind = fc.constantFrom("Shard", "Model", "Audience", "Objective", "Holdout", "Experiment", "Pin");
  const field = fc.constantFrom(
    "versions",
    "placement",
    "rules",
    "default",
    "shadow",
    "targets",
    "arms",
    "parts",
    "when",
  );
  const spec = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, fc.jsonValue(), fc.array(tie("value")), fc.dictionary(field, tie("value"))),
  })).value;
  fc.assert(
    fc.property(kind, spec, (given, value) => {
      const sketch = sketchOf({ kind: given, metadata: { name: "n" }, spec: value });
      expect(() => referencesOf(sketch as SignalboxDocument)).not.toThrow();
    }),
    { numRuns: 500 },
  );
});

test.each([
  null,
  7,
  "text",
  [],
  {},
  { kind: "Pod", metadata: { name: "a" } },
  { kind: "Shard", metadata: { name: 1 } },
])("of %j it cannot be told what it is called", (value) => {
  expect(sketchOf(value)).toBeNull();
});
