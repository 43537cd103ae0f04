import { describe, expect, test } from "vitest";
import { stored, writtenModel, writtenObjective, writtenShard } from "../test/support/written-documents.ts";
import type { LiveDocuments, StoredEntry } from "./live-documents.ts";
import { emptyLiveDocuments, settle, settleAll } from "./settle.ts";

const now = new Date("2026-11-21T08:00:00Z");
const shard = writtenShard("gpu-a");
const ranker = (...versions: readonly string[]) => writtenModel("ranker", versions, "gpu-a");
const home = (version: string) => writtenObjective("home", "ranker", version);

/** Settles batches one after the other; within a batch, and from batch to batch, revisions count up from 1. */
function settled(...batches: readonly (readonly Parameters<typeof stored>[1][])[]): LiveDocuments {
  return settleMore(emptyLiveDocuments, ...batches);
}

function settleMore(
  live: LiveDocuments,
  ...batches: readonly (readonly Parameters<typeof stored>[1][])[]
): LiveDocuments {
  let revision = live.revision;
  return batches.reduce(
    (state, batch) =>
      settle(
        state,
        batch.map((each) => stored(++revision, each)),
        now,
      ),
    live,
  );
}

/** The shape of a value in one line: what is live at which revision, and what was refused. */
function picture({ shards, models, objectives, rejections }: LiveDocuments): string {
  const all = [...shards, ...models, ...objectives].map(
    ([name, { revision }]) => `${name.replace("default/", "")}:${revision}`,
  );
  const refused = [...rejections.values()].map(({ key, revision }) => `${key.split(".").at(-1)}:${revision}`);
  return `${all.join(" ")} | ${refused.join(" ")}`;
}

function problemsOf(live: LiveDocuments, key: string): string[] {
  return (live.rejections.get(key)?.problems ?? []).map(({ path, message }) => `${path}: ${message}`);
}

const bad = { ...home("7"), spec: { defaut: {} } };

describe("a good batch", () => {
  test("goes live with the revisions of its entries", () => {
    const live = settled([shard, ranker("7"), home("7")]);
    expect(picture(live)).toBe("gpu-a:1 ranker:2 home:3 | ");
    expect(live.revision).toBe(3);
  });

  test("may hold its documents in any order", () => {
    expect(picture(settled([home("7"), ranker("7"), shard]))).toBe("gpu-a:3 ranker:2 home:1 | ");
  });

  test("leaves the maps of other kinds as they were, and the value before as it was", () => {
    const before = settled([shard, ranker("7")]);
    const after = settleMore(before, [home("7")]);
    expect(after.models).toBe(before.models);
    expect(after.shards).toBe(before.shards);
    expect(before.objectives.size).toBe(0);
  });

  test("that names a document twice counts its last revision", () => {
    expect(picture(settled([shard, ranker("7"), ranker("7", "8")]))).toBe("gpu-a:1 ranker:3 | ");
  });

  test("that is known already changes nothing", () => {
    const live = settled([shard, ranker("7"), home("7")]);
    expect(settle(live, [stored(2, ranker("9"))], now)).toBe(live);
    expect(settle(live, [], now)).toBe(live);
  });

  test("deletes documents that nothing needs, and deleting what is not there is no problem", () => {
    const live = settled(
      [shard, ranker("7"), home("7")],
      ["objective.default.home", "model.default.ranker"],
      ["model.default.none"],
    );
    expect(picture(live)).toBe("gpu-a:1 | ");
    expect(live.revision).toBe(6);
  });
});

describe("a bad batch", () => {
  const start = settled([shard, ranker("7"), home("7")]);

  test("is refused as a whole, each of its documents with the reason, and the last good ones stay", () => {
    const live = settleMore(start, [ranker("7", "8"), bad]);
    expect(picture(live)).toBe("gpu-a:1 ranker:2 home:3 | ranker:4 home:5");
    expect(live.revision).toBe(5);
    expect(live.rejections.get("objective.default.home")).toEqual({
      key: "objective.default.home",
      revision: 5,
      at: "2026-11-21T08:00:00.000Z",
      problems: [
        { document: "Objective default/home", path: "spec.default", message: "is missing; it must be an object" },
        {
          document: "Objective default/home",
          path: "spec.defaut",
          message:
            'is not a known field; did you mean "default"? known here: unit, default, rules, shadow, context, policy',
        },
      ],
    });
    expect(problemsOf(live, "model.default.ranker")).toEqual([
      ": is good, but was published together with Objective default/home, which was refused; all or nothing",
    ]);
  });

  test.each([
    [
      "a model that is not there",
      writtenObjective("home", "rancer", "7"),
      'spec.default.model: there is no model "rancer" in namespace default; did you mean "ranker"?',
    ],
    [
      "a version that is not there",
      home("9"),
      'spec.default.version: model default/ranker has no version "9"; it has "7"',
    ],
  ])("names %s", (_what, document, message) => {
    const live = settleMore(start, [document]);
    expect(picture(live)).toBe("gpu-a:1 ranker:2 home:3 | home:4");
    expect(problemsOf(live, "objective.default.home")).toEqual([message]);
  });

  test("cannot delete or change what a live document needs, and says who needs it", () => {
    const deleted = settleMore(start, ["model.default.ranker"]);
    expect(picture(deleted)).toBe("gpu-a:1 ranker:2 home:3 | ranker:4");
    expect(problemsOf(deleted, "model.default.ranker")).toEqual([
      expect.stringMatching(
        /^: cannot be deleted: Objective default\/home needs it \(spec.default.model: .*; change Objective default\/home first, or in the same apply$/,
      ),
    ]);
    expect(problemsOf(settleMore(start, [ranker("8")]), "model.default.ranker")).toEqual([
      expect.stringContaining(
        'cannot change like this: Objective default/home needs it (spec.default.version: model default/ranker has no version "7"',
      ),
    ]);
    expect(problemsOf(settleMore(start, ["shard.default.gpu-a"]), "shard.default.gpu-a")).toEqual([
      expect.stringContaining("cannot be deleted: Model default/ranker needs it"),
    ]);
  });

  test("cannot give a shard a protocol that its models do not speak", () => {
    const openai = writtenModel("chat", ["1"], "gpu-a", { protocol: "openai" });
    const live = settleMore(start, [openai], [writtenShard("gpu-a", { protocol: "grpc" })]);
    expect(problemsOf(live, "shard.default.gpu-a")).toEqual([
      expect.stringContaining(
        'Model default/chat needs it (spec.versions[0].placement[0].shard: shard "gpu-a" speaks grpc, but openai needs http1 or http2)',
      ),
    ]);
  });

  test("of garbage bytes, or under a key that is none, is refused with everything else going on", () => {
    const garbage: StoredEntry = {
      key: "objective.default.home",
      revision: 4,
      value: new Uint8Array([0, 255]),
      at: "",
    };
    const foreign: StoredEntry = { key: "notes", revision: 5, value: new Uint8Array([1]), at: "" };
    const live = settleAll(start, [[garbage], [foreign], [stored(6, ranker("7", "8"))]], now);
    expect(picture(live)).toBe("gpu-a:1 ranker:6 home:3 | home:4 notes:5");
    expect(problemsOf(live, "notes")).toEqual([
      expect.stringContaining("is no document key; a document is stored under <kind>"),
    ]);
    expect(picture(settleMore(live, ["notes"]))).toBe("gpu-a:1 ranker:6 home:3 | home:4");
  });
});

describe("a refused batch", () => {
  test("goes live as soon as what it named arrives", () => {
    const waiting = settled([home("7")]);
    expect(picture(waiting)).toBe(" | home:1");
    const stillWaiting = settleMore(waiting, [ranker("7")]);
    expect(picture(stillWaiting)).toBe(" | home:1 ranker:2");
    const live = settleMore(stillWaiting, [shard]);
    expect(picture(live)).toBe("gpu-a:3 ranker:2 home:1 | ");
    expect(live.pending).toEqual([]);
  });

  test("goes live as a whole, and only then", () => {
    const other = writtenObjective("other", "missing", "1");
    const waiting = settled([shard, ranker("7")], [home("7"), other]);
    expect(picture(waiting)).toBe("gpu-a:1 ranker:2 | home:3 other:4");
    const live = settleMore(waiting, [writtenModel("missing", ["1"], "gpu-a")]);
    expect(picture(live)).toBe("gpu-a:1 ranker:2 missing:5 home:3 other:4 | ");
  });

  test("tells what still stands in its way when that changes", () => {
    const waiting = settled([home("9")], [shard]);
    expect(problemsOf(waiting, "objective.default.home")).toEqual([
      expect.stringContaining('there is no model "ranker"'),
    ]);
    const later = settle(waiting, [stored(3, ranker("7"))], new Date("2026-11-22T00:00:00Z"));
    expect(problemsOf(later, "objective.default.home")).toEqual([expect.stringContaining('has no version "9"')]);
    expect(later.rejections.get("objective.default.home")?.at).toBe("2026-11-21T08:00:00.000Z");
  });

  test("loses a document that is published again, and the others go live with it", () => {
    const start = settled([shard, ranker("7")], [bad, ranker("7", "8")]);
    expect(picture(start)).toBe("gpu-a:1 ranker:2 | home:3 ranker:4");
    expect(picture(settleMore(start, [home("7")]))).toBe("gpu-a:1 ranker:4 home:5 | ");
  });

  test("comes along when a later batch needs it", () => {
    const start = settled([shard, ranker("7")], [bad, ranker("7", "8")]);
    expect(picture(settleMore(start, [home("8")]))).toBe("gpu-a:1 ranker:4 home:5 | ");
  });

  test("waits for the batch that it takes something away from, in either order", () => {
    const start = settled([shard, ranker("7"), home("7")]);
    const modelFirst = settleMore(start, [ranker("8")], [home("8")]);
    const objectiveFirst = settleMore(start, [home("8")], [ranker("8")]);
    expect(picture(modelFirst)).toBe("gpu-a:1 ranker:4 home:5 | ");
    expect(picture(objectiveFirst)).toBe("gpu-a:1 ranker:5 home:4 | ");
  });

  test("does not come back after its document was deleted", () => {
    const live = settled([home("7")], ["objective.default.home"], [shard, ranker("7")]);
    expect(picture(live)).toBe("gpu-a:3 ranker:4 | ");
    expect(live.pending).toEqual([]);
  });

  test("never brings back a revision that a newer one has replaced", () => {
    const live = settled([shard, ranker("7")], [home("8")], [home("7")], [ranker("7", "8")]);
    expect(picture(live)).toBe("gpu-a:1 ranker:5 home:4 | ");
    expect(live.objectives.get("default/home")?.document.spec.default.version).toBe("7");
  });
});

test.each([
  ["in a rule", { rules: [{ name: "a", serve: { model: "ranker", version: "8" } }] }],
  [
    "in a split",
    { rules: [{ name: "a", split: { variants: [{ name: "v", weight: 1, model: "ranker", version: "8" }] } }] },
  ],
  ["in a shadow", { shadow: [{ model: "ranker", version: "8", percent: 1 }] }],
])("a version that is named %s only is needed, and one that nobody names is not", (_where, spec) => {
  const start = settled([shard, ranker("7", "8", "9"), writtenObjective("home", "ranker", "7", spec)]);
  expect(picture(settleMore(start, [ranker("7", "8")]))).toBe("gpu-a:1 ranker:4 home:3 | ");
  expect(picture(settleMore(start, [ranker("7", "9")]))).toBe("gpu-a:1 ranker:2 home:3 | ranker:4");
});

test("a change that three hundred objectives stand against goes live when the last of them is gone", () => {
  const names = Array.from({ length: 300 }, (_, i) => `o${i}`);
  const start = settled([shard, ranker("7", "8"), ...names.map((name) => writtenObjective(name, "ranker", "8"))]);
  const refused = settleMore(start, [ranker("7")]);
  expect(problemsOf(refused, "model.default.ranker")).toHaveLength(100);
  const oneLeft = settleMore(refused, ...names.slice(1).map((name) => [`objective.default.${name}`]));
  expect(picture(oneLeft)).toBe("gpu-a:1 ranker:2 o0:3 | ranker:303");
  expect(picture(settleMore(oneLeft, ["objective.default.o0"]))).toBe("gpu-a:1 ranker:303 | ");
});

test("ten thousand objectives that waited for one model go live with it", () => {
  const objectives = Array.from({ length: 10_000 }, (_, i) => [
    stored(i + 1, writtenObjective(`o${i}`, "ranker", "7")),
  ]);
  const waiting = settleAll(emptyLiveDocuments, objectives, now);
  expect(waiting.rejections.size).toBe(10_000);
  const live = settleAll(waiting, [[stored(10_001, shard)], [stored(10_002, ranker("7"))]], now);
  expect(live.objectives.size).toBe(10_000);
  expect(live.rejections.size).toBe(0);
});
