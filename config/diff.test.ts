import fc from "fast-check";
import { expect, test } from "vitest";
import { arbitraryDocument } from "../test/support/arbitrary-documents.ts";
import { type Written, writtenModel, writtenObjective, writtenShard } from "../test/support/written-documents.ts";
import { diffDocuments } from "./diff.ts";
import type { SignalboxDocument } from "./documents/document.ts";
import { validateDocument } from "./validate.ts";

function valid(written: unknown): SignalboxDocument {
  const validation = validateDocument(written);
  if (!validation.ok) throw new Error(JSON.stringify(validation.problems));
  return validation.document;
}

const diff = (before: Written, after: Written) => diffDocuments(valid(before), valid(after));
const reference = { model: "ranker", version: "7" };
const canary = (stable: number) => ({
  name: "canary",
  split: {
    variants: [
      { name: "stable", weight: stable, ...reference },
      { name: "canary", weight: 100 - stable, ...reference, version: "8" },
    ],
  },
});
const home = (...rules: readonly unknown[]) => writtenObjective("home", "ranker", "7", { rules });

test("a changed weight is told by the names of its rule and variant", () => {
  expect(diff(home(canary(95)), home(canary(90)))).toEqual([
    { path: "spec.rules[canary].split.variants[stable].weight", before: 95, after: 90 },
    { path: "spec.rules[canary].split.variants[canary].weight", before: 5, after: 10 },
  ]);
});

test("a rule put in front is one change, and a new order is another kind of change", () => {
  const tv = { name: "tv", when: { device: "tv" }, serve: reference };
  expect(diff(home(canary(95)), home(tv, canary(95)))).toEqual([
    { path: "spec.rules[tv]", before: undefined, after: tv },
  ]);
  const phone = { name: "phone", when: { device: "phone" }, serve: reference };
  expect(diff(home(tv, phone), home(phone, tv))).toEqual([
    { path: "spec.rules (order)", before: ["tv", "phone"], after: ["phone", "tv"] },
  ]);
});

test("placements go by their shard and endpoints by their address", () => {
  expect(diff(writtenModel("m", ["1"], "a"), writtenModel("m", ["1"], "b"))).toEqual([
    { path: "spec.versions[1].placement[a]", before: { shard: "a", weight: 100 }, after: undefined },
    { path: "spec.versions[1].placement[b]", before: undefined, after: { shard: "b", weight: 100 } },
  ]);
  const endpoint = { address: "10.0.0.1", port: 80 };
  expect(diff(writtenShard("s"), writtenShard("s", { endpoints: [{ ...endpoint, weight: 2 }] }))).toEqual([
    { path: "spec.endpoints[10.0.0.1:80].weight", before: 1, after: 2 },
  ]);
});

test("a default that is written out is no change, nor is the revision it was edited from", () => {
  const plain = home();
  const spelled = {
    ...plain,
    metadata: { name: "home", namespace: "default", revision: 4 },
    spec: { ...plain.spec, unit: "userId" },
  };
  expect(diff(plain, spelled)).toEqual([]);
});

test("a document that is not there differs as a whole", () => {
  const document = valid(home());
  expect(diffDocuments(null, document)).toEqual([{ path: "", before: undefined, after: document }]);
  expect(diffDocuments(document, null)).toEqual([{ path: "", before: document, after: undefined }]);
  expect(diffDocuments(null, null)).toEqual([]);
});

test("any document has no difference to itself, and some difference to another one", () => {
  fc.assert(
    fc.property(arbitraryDocument, arbitraryDocument, ({ document }, { document: other }) => {
      expect(diffDocuments(document, structuredClone(document))).toEqual([]);
      fc.pre(JSON.stringify(document) !== JSON.stringify(other));
      expect(diffDocuments(document, other).length).toBeGreaterThan(0);
    }),
  );
});
