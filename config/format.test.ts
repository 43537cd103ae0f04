import fc from "fast-check";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { arbitraryDocument } from "../test/support/arbitrary-documents.ts";
import { documentId } from "./documents/document.ts";
import { documentBytes, documentsYaml, documentYaml } from "./format.ts";
import { loadText } from "./load-text.ts";
import { validateBytes, validateDocument } from "./validate.ts";

test("any valid document comes back the same from the bytes of the store", () => {
  fc.assert(
    fc.property(arbitraryDocument, ({ document }) => {
      expect(validateBytes(documentBytes(document), documentId(document))).toEqual({ ok: true, document });
    }),
  );
});

test("any valid document comes back the same from its YAML", () => {
  fc.assert(
    fc.property(arbitraryDocument, ({ document }) => {
      const loaded = loadText(documentYaml(document), "f.yaml");
      expect(loaded.problems).toEqual([]);
      expect(loaded.documents.map((each) => each.document)).toEqual([document]);
    }),
  );
});

test("any valid document comes back the same from JSON as it was written", () => {
  fc.assert(
    fc.property(arbitraryDocument, ({ written, document }) => {
      const loaded = loadText(JSON.stringify(written, null, 2), "f.json", "json");
      expect(loaded.problems).toEqual([]);
      expect(loaded.documents.map((each) => each.document)).toEqual([document]);
    }),
  );
});

test("the strings of a document's YAML survive a YAML 1.1 reader", () => {
  fc.assert(
    fc.property(arbitraryDocument, ({ document }) => {
      const { spec } = parse(documentYaml(document), { version: "1.1" }) as { spec: unknown };
      expect(JSON.stringify(spec)).toBe(JSON.stringify(document.spec));
    }),
  );
});

test("several documents become one YAML stream", () => {
  fc.assert(
    fc.property(fc.array(arbitraryDocument, { minLength: 1, maxLength: 3 }), (all) => {
      const documents = all.map(({ document }) => document);
      expect(loadText(documentsYaml(documents), "f.yaml").documents.map((each) => each.document)).toEqual(documents);
    }),
    { numRuns: 30 },
  );
});

test("documents that differ in the order of fields have equal bytes", () => {
  const one = {
    apiVersion: "signalbox.dev/v1",
    kind: "Objective",
    metadata: { name: "a" },
    spec: { default: { model: "m", version: "1", parameters: { b: 1, a: { d: 1, c: 2 } } } },
  };
  const other = {
    spec: { default: { parameters: { a: { c: 2, d: 1 }, b: 1 }, version: "1", model: "m" } },
    metadata: { name: "a" },
    kind: "Objective",
    apiVersion: "signalbox.dev/v1",
  };
  expect(bytesOf(one)).toBe(bytesOf(other));
});

test("the revision that a document was edited from is not stored", () => {
  const written = {
    apiVersion: "signalbox.dev/v1",
    kind: "Objective",
    metadata: { name: "a", revision: 7 },
    spec: { default: { model: "m", version: "1" } },
  };
  expect(bytesOf(written)).not.toContain("revision");
});

function bytesOf(written: unknown): string {
  const validation = validateDocument(written);
  if (!validation.ok) throw new Error(JSON.stringify(validation.problems));
  return new TextDecoder().decode(documentBytes(validation.document));
}
