import { expect, test } from "vitest";
import {
  stored,
  type Written,
  writtenModel,
  writtenObjective,
  writtenShard,
} from "../../test/support/written-documents.ts";
import type { LiveDocuments } from "../live-documents.ts";
import { emptyLiveDocuments, settle } from "../settle.ts";
import { dependentsOf } from "./dependents.ts";
import { affectedObjectives, objectiveRevision } from "./needs.ts";
import { modelsOf, shardsOf } from "./references.ts";

const now = new Date(0);
const home = writtenObjective("home", "ranker", "7", {
  rules: [
    { name: "a", when: { x: 1 }, serve: { model: "ranker", version: "8" } },
    { name: "b", split: { variants: [{ name: "v", weight: 1, model: "embedder", version: "1" }] } },
  ],
  shadow: [{ model: "next", version: "1", percent: 1 }],
});
const documents: readonly Written[] = [
  writtenShard("gpu-a"),
  writtenShard("gpu-b"),
  writtenModel("ranker", ["7", "8"], "gpu-a"),
  writtenModel("embedder", ["1"], "gpu-b"),
  writtenModel("next", ["1"], "gpu-b"),
  home,
  writtenObjective("search", "ranker", "7"),
];
const live = settle(
  emptyLiveDocuments,
  documents.map((written, index) => stored(index + 1, written)),
  now,
);
const publish = (...changes: readonly (Written | string)[]): LiveDocuments =>
  settle(
    live,
    changes.map((change, index) => stored(live.revision + 1 + index, change)),
    now,
  );

function objective(name: string, from = live) {
  const found = from.objectives.get(name);
  if (!found) throw new Error(name);
  return found.document;
}

test("the models of an objective are those of its default, rules and shadows, each once", () => {
  expect(modelsOf(objective("default/home"))).toEqual(["default/ranker", "default/embedder", "default/next"]);
});

test("the shards of a model are those of all its versions, each once", () => {
  const model = live.models.get("default/ranker");
  expect(model && shardsOf(model.document)).toEqual(["default/gpu-a"]);
});

test("an objective's revision is the highest among itself, its models and their shards", () => {
  expect(objectiveRevision(live, "default/home")).toBe(6);
  expect(objectiveRevision(live, "default/search")).toBe(7);
  expect(objectiveRevision(publish(writtenModel("embedder", ["1", "2"], "gpu-b")), "default/home")).toBe(8);
  expect(objectiveRevision(publish(writtenShard("gpu-b", { connectTimeoutMs: 5 })), "default/home")).toBe(8);
  expect(objectiveRevision(publish(writtenShard("gpu-b", { connectTimeoutMs: 5 })), "default/search")).toBe(7);
  expect(objectiveRevision(live, "default/none")).toBe(0);
});

test("who names a document is known by its key", () => {
  expect([...dependentsOf(live, "model.default.ranker")].sort()).toEqual([
    "objective.default.home",
    "objective.default.search",
  ]);
  expect([...dependentsOf(live, "shard.default.gpu-b")].sort()).toEqual([
    "model.default.embedder",
    "model.default.next",
  ]);
  expect([...dependentsOf(live, "objective.default.home")]).toEqual([]);
});

test.each<[string, readonly (Written | string)[], readonly string[]]>([
  ["an objective", [home], ["default/home"]],
  ["a model of one objective", [writtenModel("next", ["1", "2"], "gpu-b")], ["default/home"]],
  ["a model of two objectives", [writtenModel("ranker", ["7", "8", "9"], "gpu-a")], ["default/home", "default/search"]],
  ["a shard", [writtenShard("gpu-a", { connectTimeoutMs: 5 })], ["default/home", "default/search"]],
  ["a new objective", [writtenObjective("new", "ranker", "7")], ["default/new"]],
  ["a deletion", ["objective.default.search"], ["default/search"]],
  ["a shard that nothing uses", [writtenShard("gpu-c")], []],
])("a change of %s affects the objectives that need it", (_what, changes, expected) => {
  expect([...affectedObjectives(live, publish(...changes))].sort()).toEqual(expected);
});

test("a refused change affects no objective", () => {
  expect(affectedObjectives(live, publish("model.default.ranker"))).toEqual(new Set());
});
