import { describe, expect, test } from "vitest";
import { documentBytes } from "../config/format.ts";
import type { StoredEntry } from "../config/live-documents.ts";
import { documentsAfter } from "./documents-after.ts";
import { firstStage, nextStage, touchedObjectives, undoOf, withPaused } from "./staged-rollout.ts";
import { liveOf, ranker, ranking, shard, split } from "./testing/documents.ts";

const before = liveOf(shard("a"), ranker({ "7": ["a"], "8": ["a"] }), ranking(), ranking({}, "search"));
const changed = ranking({ rules: [{ name: "canary", split: split(50, 50) }] });
const after = documentsAfter(before, { documents: [changed], deleted: [] });
const pin = firstStage({
  id: { namespace: "default", name: "spring" },
  stages: ["canary", "eu", "us"],
  pauseMs: 5000,
  before,
  after,
  revisions: { "objective.default.ranking": 3, "objective.default.new": 0 },
});

describe("a staged rollout", () => {
  test("begins with everything of the change held but for the first group", () => {
    expect(pin.spec).toMatchObject({
      objectives: ["ranking"],
      revision: before.revision,
      exceptGroups: ["canary"],
      rollout: { stages: ["canary", "eu", "us"], stage: 0, pauseMs: 5000, paused: false },
    });
    expect(pin.spec.groups).toBeUndefined();
  });

  test("adds one group a stage, and ends after the last one", () => {
    const second = nextStage(withPaused(pin, true));
    expect(second?.spec).toMatchObject({ exceptGroups: ["canary", "eu"], rollout: { stage: 1, paused: false } });
    const third = second && nextStage(second);
    expect(third?.spec).toMatchObject({ exceptGroups: ["canary", "eu", "us"], rollout: { stage: 2 } });
    expect(third && nextStage(third)).toBeNull();
  });

  test("touches the objectives of a changed model, and none of another namespace", () => {
    const moved = documentsAfter(before, { documents: [ranker({ "7": ["a"], "8": ["a"], "9": ["a"] })], deleted: [] });
    expect(touchedObjectives(before, moved, "default")).toEqual(["ranking", "search"]);
    expect(touchedObjectives(before, moved, "other")).toEqual([]);
  });
});

describe("an abort", () => {
  const entry = (key: string, revision: number, value = true): StoredEntry => ({
    ...{ key, revision, at: "" },
    value: value ? documentBytes(changed) : null,
  });
  const ranked = "objective.default.ranking";
  const created = "objective.default.new";
  const undo = (...entries: readonly StoredEntry[]) =>
    undoOf(pin, 10, Map.groupBy(entries, ({ key }) => key) as ReadonlyMap<string, StoredEntry[]>);

  test("brings back what was there before the change, and deletes what was not", () => {
    expect(undo(entry(ranked, 3), entry(ranked, 11), entry(created, 12))).toEqual([
      { key: ranked, to: entry(ranked, 3), expectedRevision: 11 },
      { key: created, to: "deleted", expectedRevision: 12 },
    ]);
  });

  test("leaves what was published again since", () => {
    expect(undo(entry(ranked, 3), entry(ranked, 11), entry(ranked, 40), entry(created, 12))[0]).toEqual({
      key: ranked,
      to: "left",
      revision: 40,
    });
  });

  test("says so when the revision before is no longer kept", () => {
    expect(() => undo(entry(ranked, 11), entry(created, 12))).toThrow(/objective.default.ranking: its revision 3/);
  });
});
