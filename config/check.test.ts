import { describe, expect, test } from "vitest";
import {
  stored,
  type Written,
  writtenModel,
  writtenObjective,
  writtenShard,
} from "../test/support/written-documents.ts";
import { type CheckOptions, checkDocuments } from "./check.ts";
import type { SignalboxDocument } from "./documents/document.ts";
import { emptyLiveDocuments, settle } from "./settle.ts";
import { sketchOf } from "./sketch.ts";
import { validateDocument } from "./validate.ts";

function checked(written: Written, file = "all.yaml") {
  const validation = validateDocument(written);
  if (!validation.ok) throw new Error(JSON.stringify(validation.problems));
  return { document: validation.document, file };
}

function problemsOf(documents: readonly Written[], options?: CheckOptions): string[] {
  const problems = checkDocuments(
    documents.map((written) => checked(written)),
    options,
  );
  return problems.map(({ document, path, message }) => `${document}: ${path}: ${message}`);
}

const shard = writtenShard("gpu-a");
const model = writtenModel("ranker", ["7", "8"], "gpu-a");
const placedOn = (protocol: string, ...shards: readonly string[]) => ({
  ...writtenModel("ranker", [], ""),
  spec: { protocol, versions: [{ version: "7", placement: shards.map((name) => ({ shard: name })) }] },
});

test("documents that name each other are fine in any order", () => {
  expect(problemsOf([writtenObjective("home", "ranker", "8"), model, shard])).toEqual([]);
});

describe("a name that leads nowhere", () => {
  test("is told with the nearest existing one", () => {
    expect(problemsOf([shard, model, writtenObjective("home", "rankr", "8")])).toEqual([
      'Objective default/home: spec.default.model: there is no model "rankr" in namespace default; did you mean "ranker"?',
    ]);
    expect(problemsOf([shard, writtenModel("ranker", ["7"], "gpu-b")])).toEqual([
      'Model default/ranker: spec.versions[0].placement[0].shard: there is no shard "gpu-b" in namespace default; did you mean "gpu-a"?',
    ]);
  });

  test("is told with all there are when none is near", () => {
    expect(problemsOf([shard, model, writtenObjective("home", "completely-else", "8")])).toEqual([
      'Objective default/home: spec.default.model: there is no model "completely-else" in namespace default; known: ranker',
    ]);
  });

  test("is told for every place it is in: default, rules, splits and shadows", () => {
    const reference = { model: "ranker", version: "9" };
    const objective = writtenObjective("home", "ranker", "9", {
      rules: [
        { name: "a", when: { x: 1 }, serve: reference },
        { name: "b", split: { variants: [{ name: "v", weight: 1, ...reference }] } },
      ],
      shadow: [{ model: "ranker", version: "10", percent: 1 }],
    });
    expect(problemsOf([shard, model, objective])).toEqual([
      'Objective default/home: spec.default.version: model default/ranker has no version "9"; it has "7", "8"',
      'Objective default/home: spec.rules[0].serve.version: model default/ranker has no version "9"; it has "7", "8"',
      'Objective default/home: spec.rules[1].split.variants[0].version: model default/ranker has no version "9"; it has "7", "8"',
      'Objective default/home: spec.shadow[0].version: model default/ranker has no version "10"; it has "7", "8"',
    ]);
  });

  test("is looked for in the document's own namespace only", () => {
    const elsewhere = { ...writtenObjective("home", "ranker", "8"), metadata: { name: "home", namespace: "other" } };
    expect(problemsOf([shard, model, elsewhere])).toEqual([
      'Objective other/home: spec.default.model: there is no model "ranker" in namespace other; namespace other has none yet',
    ]);
  });

  test("is no further problem when the document is there but cannot be read", () => {
    const sketch = sketchOf({ kind: "Shard", metadata: { name: "gpu-a" }, spec: 7 }) as SignalboxDocument;
    expect(problemsOf([model], { invalid: [{ document: sketch }] })).toEqual([]);
  });
});

describe("beside documents that are not valid", () => {
  const sketch = (kind: string, name: string, spec: unknown) => {
    return { document: sketchOf({ kind, metadata: { name }, spec }) as SignalboxDocument, file: "bad.yaml" };
  };

  test("what those name is told too, as far as it can be read", () => {
    const objective = sketch("Objective", "home", {
      default: { model: "ranker", version: "9" },
      rules: [{ serve: { model: "rankr", version: 7 } }, 7, { serve: { model: "No Name", version: "7" } }],
      shadow: [{ model: "ranker", version: 7 }],
    });
    const placedElsewhere = sketch("Model", "other", {
      protocol: "openai",
      versions: [{ version: "1", placement: [{ shard: "gpu-b" }, { shard: "g" }] }],
    });
    const grpc = writtenShard("g", { protocol: "grpc" });
    expect(problemsOf([shard, grpc, model], { invalid: [objective, placedElsewhere] })).toEqual([
      'Objective default/home: spec.default.version: model default/ranker has no version "9"; it has "7", "8"',
      'Objective default/home: spec.rules[0].serve.model: there is no model "rankr" in namespace default; did you mean "ranker"?',
      'Model default/other: spec.versions[0].placement[0].shard: there is no shard "gpu-b" in namespace default; did you mean "gpu-a"?',
      'Model default/other: spec.versions[0].placement[1].shard: shard "g" speaks grpc, but openai needs http1 or http2',
    ]);
  });

  test("a version that a model of those lacks is told when all of its versions can be read", () => {
    const lacks = [shard, writtenObjective("home", "ranker", "9")];
    const versions = [{ version: "7" }, { version: "8" }];
    expect(problemsOf(lacks, { invalid: [sketch("Model", "ranker", { versions })] })).toEqual([
      'Objective default/home: spec.default.version: model default/ranker has no version "9"; it has "7", "8"',
    ]);
    for (const spec of [{ versions: [...versions, { version: 9 }] }, { versions: 9 }, 9])
      expect(problemsOf(lacks, { invalid: [sketch("Model", "ranker", spec)] })).toEqual([]);
  });

  test("a name that comes twice is told", () => {
    const twice = sketch("Shard", "gpu-a", 7);
    const message = "Shard default/gpu-a: metadata.name: Shard default/gpu-a is there twice";
    expect(problemsOf([shard], { invalid: [twice] })).toEqual([expect.stringContaining(message)]);
    expect(problemsOf([], { invalid: [twice, twice] })).toEqual([expect.stringContaining(message)]);
  });
});

describe("protocols", () => {
  const shards = [
    writtenShard("h1"),
    writtenShard("h2", { protocol: "http2" }),
    writtenShard("g", { protocol: "grpc" }),
  ];

  test.each([
    ["open-inference", "h1", true],
    ["open-inference", "h2", true],
    ["open-inference", "g", true],
    ["tensorflow-serving", "h1", true],
    ["tensorflow-serving", "h2", true],
    ["tensorflow-serving", "g", false],
    ["sagemaker", "h1", true],
    ["sagemaker", "g", false],
    ["openai", "h2", true],
    ["openai", "g", false],
    ["raw", "h1", true],
    ["raw", "g", true],
  ])("%s on shard %s: allowed is %s", (protocol, name, allowed) => {
    expect(problemsOf([...shards, placedOn(protocol, name)])).toHaveLength(allowed ? 0 : 1);
  });

  test("a shard that cannot carry the model's protocol is told with what it needs", () => {
    expect(problemsOf([...shards, placedOn("openai", "h1", "g")])).toEqual([
      'Model default/ranker: spec.versions[0].placement[1].shard: shard "g" speaks grpc, but openai needs http1 or http2',
    ]);
  });

  test("one version is on grpc shards or on others, never on both", () => {
    expect(problemsOf([...shards, placedOn("raw", "h1", "h2")])).toEqual([]);
    expect(problemsOf([...shards, placedOn("raw", "h1", "g")])).toEqual([
      expect.stringContaining('shard "g" speaks grpc and shard "h1" http1; a request cannot go to either'),
    ]);
  });
});

test("a name that comes twice is told with both files", () => {
  const problems = checkDocuments([checked(shard, "a.yaml"), checked(shard, "b.yaml")]);
  expect(problems).toEqual([
    {
      file: "b.yaml",
      document: "Shard default/gpu-a",
      path: "metadata.name",
      message: "Shard default/gpu-a is there twice (the other is in a.yaml); keep one, or rename one",
    },
  ]);
});

test("the same name is free in another kind and in another namespace", () => {
  const other = { ...writtenShard("ranker"), metadata: { name: "gpu-a", namespace: "other" } };
  expect(problemsOf([shard, writtenShard("ranker"), model, other])).toEqual([]);
});

describe("beside live documents", () => {
  const live = settle(
    emptyLiveDocuments,
    [shard, model, writtenObjective("home", "ranker", "8")].map((written, index) => stored(index + 1, written)),
    new Date(0),
  );

  test("a change may name what is live", () => {
    expect(problemsOf([writtenObjective("search", "ranker", "7")], { live })).toEqual([]);
    expect(problemsOf([writtenObjective("search", "ranker", "9")], { live })).toHaveLength(1);
  });

  test("a change counts instead of what is live", () => {
    expect(
      problemsOf([writtenModel("ranker", ["8", "9"], "gpu-a"), writtenObjective("search", "ranker", "9")], { live }),
    ).toEqual([]);
    expect(
      problemsOf([writtenModel("ranker", ["8"], "gpu-a"), writtenObjective("search", "ranker", "7")], { live }),
    ).toHaveLength(1);
  });

  test("a change that takes away what a live document needs is refused, unless that changes too", () => {
    const without8 = writtenModel("ranker", ["7"], "gpu-a");
    expect(problemsOf([without8], { live })).toEqual([
      'Model default/ranker: : cannot change like this: Objective default/home needs it (spec.default.version: model default/ranker has no version "8"; it has "7"); change Objective default/home first, or in the same apply',
    ]);
    expect(problemsOf([without8, writtenObjective("home", "ranker", "7")], { live })).toEqual([]);
  });

  test("a deletion of what a live document needs is refused, unless that is deleted too", () => {
    expect(problemsOf([], { live, deleted: ["model.default.ranker"] })).toEqual([
      expect.stringMatching(/^Model default\/ranker: : cannot be deleted: Objective default\/home needs it/),
    ]);
    expect(problemsOf([], { live, deleted: ["model.default.ranker", "objective.default.home"] })).toEqual([]);
  });

  test("a deleted document cannot be named", () => {
    const objective = writtenObjective("home", "ranker", "8");
    expect(problemsOf([objective], { live, deleted: ["model.default.ranker"] })).toEqual([
      'Objective default/home: spec.default.model: there is no model "ranker" in namespace default; namespace default has none yet',
    ]);
  });
});
