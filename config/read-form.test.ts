import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import { arbitraryDocument, damaged } from "../test/support/arbitrary-documents.ts";
import { anyDocumentSchema } from "./documents/document.ts";
import { pinSchema } from "./documents/pin.ts";
import { readFormTest } from "./read-form.ts";

const isInReadForm = readFormTest(anyDocumentSchema);
const asStored = arbitraryDocument.map(({ document }) => JSON.parse(JSON.stringify(document)) as unknown);

test("whatever was read is in its read form", () => {
  fc.assert(
    fc.property(asStored, (document) => {
      expect(isInReadForm(document)).toBe(true);
    }),
    { numRuns: 500 },
  );
  const pin = { apiVersion: "signalbox.dev/v1", kind: "Pin", metadata: { name: "p" }, spec: { objectives: ["o"] } };
  expect(isInReadForm(pinSchema.parse(pin))).toBe(true);
});

test("what is in its read form is valid, and reading makes nothing else of it", () => {
  let good = 0;
  fc.assert(
    fc.property(damaged(asStored), (value) => {
      if (!isInReadForm(value)) return;
      good += 1;
      expect(anyDocumentSchema.safeParse(value)).toEqual({ success: true, data: value });
    }),
    { numRuns: 2000 },
  );
  expect(good).toBeGreaterThan(50);
});

test.each([
  ["a default that is left out", z.strictObject({ a: z.number().default(1) }), {}, { a: 2 }],
  [
    "a part whose own defaults are left out",
    z.object({ a: z.object({ b: z.int().default(1) }).prefault({}) }),
    { a: {} },
    { a: { b: 1 } },
  ],
  ["a field that is missing", z.strictObject({ a: z.string(), b: z.string().optional() }), { b: "" }, { a: "" }],
  ["a field too many", z.strictObject({ a: z.string() }), { a: "", b: "" }, { a: "" }],
  ["a field that would be left out", z.object({ a: z.string() }), { a: "", b: "" }, { a: "" }],
  ["an entry of another type", z.array(z.boolean()), [true, 1], [true, false]],
  ["an object in the place of a list", z.array(z.boolean()), {}, []],
  ["a list in the place of an object", z.record(z.string(), z.string()), [], { a: "b" }],
  ["a bad key", z.record(z.string().max(1), z.string()), { ab: "" }, { a: "" }],
  ["a number out of bounds", z.number().min(1), 0, 1],
  ["a number with a fraction", z.int(), 1.5, 1],
  ["a number that is not finite", z.number(), Number.POSITIVE_INFINITY, 1e300],
  ["a word of no format", z.iso.datetime(), "today", "2026-11-21T09:00:00Z"],
  ["what a refinement does not like", z.string().refine((text) => text !== "no"), "no", "yes"],
  ["what would be changed", z.string().trim(), " a", "a"],
  ["none of several", z.union([z.literal(1), z.enum(["a"]), z.null()]), "b", null],
])("%s is not the read form, and does not count for what comes next", (_what, schema: z.core.$ZodType, bad, good) => {
  const isRead = readFormTest(schema);
  expect([good, bad, good].map(isRead)).toEqual([true, false, true]);
});

test("a schema of a sort that is not known has no read form", () => {
  expect(readFormTest(z.string().transform((text) => text))("a")).toBe(false);
});
