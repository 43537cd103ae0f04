import { describe, expect, test } from "vitest";
import {
  stored,
  type Written,
  writtenModel,
  writtenObjective,
  writtenShard,
} from "../test/support/written-documents.ts";
import { pinSchema } from "./documents/pin.ts";
import type { LiveDocuments, StoredEntry } from "./live-documents.ts";
import { countRefused, groupPinOf } from "./pins.ts";
import { emptyLiveDocuments, settleAll } from "./settle.ts";

const apiVersion = "signalbox.dev/v1";
const pin = (spec: object, name = "freeze"): Written => ({
  ...{ apiVersion, kind: "Pin", metadata: { name } },
  spec: { ...spec },
});
const ranking = (version: string) => writtenObjective("ranking", "ranker", version);
const base = [
  [stored(1, writtenShard("a"))],
  [stored(2, writtenModel("ranker", ["1", "2", "3"], "a"))],
  [stored(3, ranking("1"))],
];
const settled = (...batches: readonly (readonly StoredEntry[])[]): LiveDocuments =>
  settleAll(emptyLiveDocuments, [...base, ...batches], new Date(0));
const versionOf = (live: LiveDocuments) => live.objectives.get("default/ranking")?.document.spec.default.version;
const pinned = [stored(4, pin({ objectives: ["ranking"], reason: "sale" }))];

describe("an objective that is pinned", () => {
  test("stays as it is; what is published waits, and says for whom", () => {
    const live = settled(pinned, [stored(5, ranking("2"))]);
    expect(versionOf(live)).toBe("1");
    const rejection = live.rejections.get("objective.default.ranking");
    expect(rejection).toMatchObject({ revision: 5, heldBy: "pin.default.freeze" });
    expect(rejection?.problems[0]?.message).toContain("held by Pin default/freeze (sale)");
    expect(countRefused(live)).toBe(0);
  });

  test("takes what was published last as soon as the pin goes", () => {
    const live = settled(
      pinned,
      [stored(5, ranking("2"))],
      [stored(6, ranking("3"))],
      [stored(7, "pin.default.freeze")],
    );
    expect(versionOf(live)).toBe("3");
    expect([live.rejections.size, live.pending.length, live.pins.size]).toEqual([0, 0, 0]);
  });

  test("takes what is published together with the pin itself, and nothing after it", () => {
    const live = settled(
      [stored(4, ranking("2")), stored(5, pin({ objectives: ["ranking"] }))],
      [stored(6, ranking("3"))],
    );
    expect(versionOf(live)).toBe("2");
  });

  test("holds the whole batch of which it is a part, and nothing else", () => {
    const live = settled(
      pinned,
      [stored(5, ranking("2")), stored(6, writtenShard("b"))],
      [stored(7, writtenShard("c"))],
    );
    expect([...live.shards.keys()]).toEqual(["default/a", "default/c"]);
    expect(live.rejections.get("shard.default.b")?.heldBy).toBe("pin.default.freeze");
  });

  test("cannot be deleted, and its models go on", () => {
    const live = settled(
      pinned,
      [stored(5, "objective.default.ranking")],
      [stored(6, writtenModel("ranker", ["1", "2", "3", "4"], "a"))],
    );
    expect(versionOf(live)).toBe("1");
    expect(live.models.get("default/ranker")?.revision).toBe(6);
  });

  test("is a mistake told as such, when something else is wrong too", () => {
    const live = settled(pinned, [stored(5, ranking("9"))]);
    expect(live.rejections.get("objective.default.ranking")).not.toHaveProperty("heldBy");
    expect(countRefused(live)).toBe(1);
  });

  test("holds an experiment on it too", () => {
    const experiment: Written = {
      ...{ apiVersion, kind: "Experiment", metadata: { name: "exp" } },
      spec: {
        arms: [{ name: "a", weight: 1 }],
        targets: [{ objective: "ranking", arms: { a: { model: "ranker", version: "2" } } }],
      },
    };
    const live = settled(pinned, [stored(5, experiment)]);
    expect(live.rejections.get("experiment.default.exp")).toMatchObject({ heldBy: "pin.default.freeze" });
    expect(settled(pinned, [stored(5, experiment)], [stored(6, "pin.default.freeze")]).experiments.size).toBe(1);
  });
});

describe("a pin of groups", () => {
  const live = (spec: object) => settled([stored(4, pin(spec))], [stored(5, ranking("2"))]);
  const holds = (spec: object, revision: number, group?: string) =>
    groupPinOf(live(spec), "default/ranking", revision, group)?.metadata.name;

  test("changes the documents of nobody", () => {
    expect(versionOf(live({ groups: ["eu"], revision: 4 }))).toBe("2");
  });

  test("holds what came after its revision, for its groups only", () => {
    expect(holds({ groups: ["eu"], revision: 4 }, 5, "eu")).toBe("freeze");
    expect(holds({ groups: ["eu"], revision: 5 }, 5, "eu")).toBeUndefined();
    expect(holds({ groups: ["eu"], revision: 4 }, 5, "us")).toBeUndefined();
    expect(holds({ groups: ["eu"], revision: 4 }, 5)).toBeUndefined();
    expect(holds({ exceptGroups: ["eu"], revision: 4 }, 5, "eu")).toBeUndefined();
    expect(holds({ exceptGroups: ["eu"], revision: 4 }, 5, "us")).toBe("freeze");
    expect(holds({ exceptGroups: ["eu"], revision: 4 }, 5)).toBe("freeze");
  });

  test("may be of one objective, and ends at its namespace", () => {
    expect(holds({ groups: ["eu"], objectives: ["ranking"], revision: 4 }, 5, "eu")).toBe("freeze");
    const one = live({ groups: ["eu"], objectives: ["ranking"], revision: 4 });
    expect(groupPinOf(one, "default/search", 5, "eu")).toBeNull();
    expect(groupPinOf(live({ groups: ["eu"], revision: 4 }), "other/ranking", 5, "eu")).toBeNull();
  });
});

test("a pin says what it holds, in one way", () => {
  const problems = (spec: object) =>
    pinSchema.safeParse({ ...pin(spec), metadata: { name: "p" } }).error?.issues.map(({ message }) => message) ?? [];
  expect(problems({})[0]).toContain("must have objectives, groups or exceptGroups");
  expect(problems({ groups: ["a"], exceptGroups: ["b"], revision: 1 })[0]).toContain("at most one");
  expect(problems({ groups: ["a"] })[0]).toContain("is missing");
  expect(problems({ objectives: ["ranking"], revision: 3 })[0]).toContain("needs groups");
  expect(problems({ groups: ["a", "a"], revision: 3 })).toHaveLength(1);
  expect(problems({ exceptGroups: [], revision: 0 })).toEqual([]);
});
