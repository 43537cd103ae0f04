import { expect, test } from "vitest";
import type { SignalboxDocument } from "../config/documents/document.ts";
import type { Objective } from "../config/documents/objective.ts";
import { shardSchema } from "../config/documents/shard.ts";
import type { Live, StoredEntry } from "../config/live-documents.ts";
import { emptyLiveDocuments, settle } from "../config/settle.ts";
import { SharedMap } from "../config/shared-map.ts";
import { select } from "./select.ts";
import { compileSelection } from "./selector.ts";
import { model, objective } from "./testing/documents.ts";

const now = new Date("2026-05-21T00:00:00Z");
const at = now.toISOString();

function entry(document: SignalboxDocument, revision: number): StoredEntry {
  const { namespace, name } = document.metadata;
  const value = new TextEncoder().encode(JSON.stringify(document));
  return { key: `${document.kind.toLowerCase()}.${namespace}.${name}`, revision, value, at };
}

function deleted(key: string, revision: number): StoredEntry {
  return { key, revision, value: null, at };
}

const shard = shardSchema.parse({
  apiVersion: "signalbox.dev/v1",
  kind: "Shard",
  metadata: { name: "s" },
  spec: { endpoints: [{ address: "127.0.0.1", port: 9 }] },
});

function named(name: string, spec: Parameters<typeof objective>[0]) {
  const document = objective(spec);
  return { ...document, metadata: { ...document.metadata, name } };
}

const first = settle(
  emptyLiveDocuments,
  [
    entry(shard, 1),
    entry(model("ranker", "1", "2"), 2),
    entry(model("other", "1"), 3),
    entry(named("one", {}), 4),
    entry(named("two", { default: { model: "other", version: "1" } }), 5),
  ],
  now,
);

test("every live objective is compiled at its revision", () => {
  const selection = compileSelection(first);
  expect([...selection.objectives.keys()].sort()).toEqual(["default/one", "default/two"]);
  expect(selection.objectives.get("default/one")?.revision).toBe(4);
  expect(selection.failures.size).toBe(0);
});

test("a change of a model compiles only the objectives that name it", () => {
  const before = compileSelection(first);
  const live = settle(first, [entry(model("other", "1", "5"), 6)], now);
  const after = compileSelection(live, before);
  expect(after.objectives.get("default/one")).toBe(before.objectives.get("default/one"));
  expect(after.objectives.get("default/two")?.revision).toBe(6);
  expect(before.objectives.get("default/two")?.revision).toBe(5);
});

test("a change of a shard raises the revision of the objectives whose models it hosts", () => {
  const moved = { ...shard, spec: { ...shard.spec, connectTimeoutMs: 77 } };
  const live = settle(first, [entry(moved, 9)], now);
  const after = compileSelection(live, compileSelection(first));
  const one = after.objectives.get("default/one");
  expect(one && select(one, {}).revision).toBe(9);
});

test("an objective that is deleted is gone, one that is added is there, others are untouched", () => {
  const before = compileSelection(first);
  const live = settle(first, [deleted("objective.default.two", 7), entry(named("three", {}), 8)], now);
  const after = compileSelection(live, before);
  expect([...after.objectives.keys()].sort()).toEqual(["default/one", "default/three"]);
  expect(after.objectives.get("default/one")).toBe(before.objectives.get("default/one"));
  expect([...before.objectives.keys()].sort()).toEqual(["default/one", "default/two"]);
});

test("compiling step by step and all at once give the same answers", () => {
  const batches = [
    [entry(model("ranker", "1", "2", "3"), 6)],
    [entry(named("one", { default: { model: "ranker", version: "3" } }), 7)],
    [deleted("objective.default.two", 8)],
  ];
  let live = first;
  let selection = compileSelection(first);
  for (const batch of batches) {
    live = settle(live, batch, now);
    selection = compileSelection(live, selection);
  }
  const decisions = (of: typeof selection) => [...of.objectives].map(([name, each]) => [name, select(each, {})]);
  expect(decisions(selection)).toEqual(decisions(compileSelection(live)));
});

test("an objective that cannot be compiled is named with the reason and keeps its last good form; others go on", () => {
  const before = compileSelection(first);
  const dangling = named("one", { default: { model: "ranker", version: "404" } });
  const objectives = new Map(first.objectives)
    .set("default/one", { document: dangling, revision: 6 })
    .set("default/four", { document: named("four", {}), revision: 6 });
  const after = compileSelection({ ...first, revision: 6, objectives }, before);
  expect([...after.failures.keys()]).toEqual(["default/one"]);
  expect(after.failures.get("default/one")).toContain("ranker@404");
  expect(after.objectives.get("default/one")).toBe(before.objectives.get("default/one"));
  expect(after.objectives.has("default/four")).toBe(true);
  expect(compileSelection({ ...first }, after).failures.size).toBe(0);
});

test("what was there at the start is compiled in the order in which it was published", () => {
  const names = Array.from({ length: 50 }, (_, index) => `default/o-${index}`);
  const dangling = { default: { model: "ranker", version: "404" } };
  const objectives = new SharedMap<Live<Objective>>().with(
    names.map((name, index) => [name, { document: named(name.slice(8), dangling), revision: index + 6 }]),
  );
  expect([...compileSelection({ ...first, objectives }).failures.keys()]).toEqual(names);
});
