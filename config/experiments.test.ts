import { describe, expect, test } from "vitest";
import {
  stored,
  type Written,
  writtenAudience,
  writtenExperiment,
  writtenHoldout,
  writtenModel,
  writtenObjective,
  writtenShard,
} from "../test/support/written-documents.ts";
import { checkDocuments } from "./check.ts";
import type { Objective } from "./documents/objective.ts";
import { formatProblem } from "./problem.ts";
import { affectedObjectives, audiencesOf, experimentsOn, modelsIn, objectiveRevision } from "./relations/needs.ts";
import { emptyLiveDocuments, settle } from "./settle.ts";
import { validateDocument } from "./validate.ts";

const now = new Date(0);
const inLayer = (from: number, to: number, layer = "ranking") => ({ layer: { name: layer, slices: [{ from, to }] } });

/** Settles batches; revisions count from 1. */
function settled(...batches: (readonly (Written | string)[])[]) {
  let revision = 0;
  return batches.reduce((live, batch) => {
    const entries = batch.map((each) => {
      revision += 1;
      return stored(revision, each);
    });
    return settle(live, entries, now);
  }, emptyLiveDocuments);
}

const base = [
  writtenShard("s"),
  writtenModel("m", ["7", "8"], "s"),
  writtenModel("rest", ["1"], "s"),
  writtenObjective("home", "rest", "1"),
  writtenObjective("search", "rest", "1"),
];

function problems(...documents: readonly Written[]): string[] {
  const parsed = documents.map((each) => {
    const validation = validateDocument(each);
    if (!validation.ok) throw new Error(validation.problems.map(formatProblem).join("\n"));
    return { document: validation.document };
  });
  return checkDocuments(parsed, { live: settled(base) }).map(formatProblem);
}

function refusals(live: ReturnType<typeof settled>): Record<string, string[]> {
  const entries = [...live.rejections.values()].map(({ key, problems: found }) => [key, found.map(formatProblem)]);
  return Object.fromEntries(entries);
}

describe("an experiment on its own", () => {
  const spec = writtenExperiment("exp", "m", ["home"]).spec;
  const refused = (change: Readonly<Record<string, unknown>>) => {
    const validation = validateDocument({ ...writtenExperiment("exp", "m", []), spec: { ...spec, ...change } });
    return validation.ok ? [] : validation.problems.map(formatProblem);
  };

  test.each([
    [{ start: "2026-11-21" }, 'spec.start: must be a time with its zone, such as "2026-11-21T09:00:00Z"'],
    [
      { start: "2026-11-21T09:00:00Z", end: "2026-11-21T10:00:00+01:00" },
      "spec.end: must be after start (2026-11-21T09:00:00Z), found 2026-11-21T10:00:00+01:00",
    ],
    [inLayer(50, 50), "spec.layer.slices[0].to: must be above from (50), found 50"],
    [
      {
        layer: {
          name: "l",
          slices: [
            { from: 0, to: 20 },
            { from: 10, to: 30 },
          ],
        },
      },
      "spec.layer.slices[1]: overlaps entry 0; each part of a layer may come once",
    ],
    [{ arms: [{ name: "control" }] }, "spec.targets[0].arms.treatment: is no arm of the experiment; it has control"],
    [
      { arms: [{ name: "control" }, { name: "treatment" }, { name: "third" }] },
      'spec.targets[0].arms: has no model version for arm "third"; give every arm one',
    ],
    [{ targets: [] }, "spec.targets: must have at least 1 entry, found 0"],
    [{ iteration: 0 }, "spec.iteration: must be at least 1, found 0"],
    [{ allocation: { by: "coin" } }, "spec.allocation"],
    [
      {
        arms: [
          { name: "control", weight: 0 },
          { name: "treatment", weight: 0 },
        ],
      },
      "spec.arms: all weights are 0",
    ],
  ])("%j is refused with its place and the remedy", (change, message) => {
    expect(refused(change).join("\n")).toContain(message);
  });

  test("gets its defaults", () => {
    const validation = validateDocument(writtenExperiment("exp", "m", ["home"]));
    expect(validation).toMatchObject({
      ok: true,
      document: { spec: { unit: "userId", iteration: 1, allocation: { by: "hash" }, arms: [{ weight: 1 }, {}] } },
    });
  });
});

describe("an experiment among other documents", () => {
  test("must name objectives, versions and audiences that are there", () => {
    expect(problems(writtenExperiment("exp", "m", ["hom"]))).toEqual([
      'Experiment default/exp: spec.targets[0].objective: there is no objective "hom" in namespace default; did you mean "home"?',
    ]);
    expect(problems(writtenExperiment("exp", "rest", ["home"]))[0]).toContain(
      'spec.targets[0].arms.control.version: model default/rest has no version "7"; it has "1"',
    );
    const when = { or: [{ country: "US" }, { not: { userId: { inAudience: "vips" } } }] };
    expect(problems(writtenExperiment("exp", "m", ["home"], { when }))).toEqual([
      'Experiment default/exp: spec.when.or[1].not.userId.inAudience: there is no audience "vips" in namespace default; namespace default has none yet',
    ]);
  });

  test("may not share an objective with another one at the same time, but in one layer", () => {
    const [one, two] = [writtenExperiment("one", "m", ["home", "search"]), writtenExperiment("two", "m", ["search"])];
    expect(problems(one, two)[0]).toContain(
      "Experiment default/two is on objective search at the same time; put both into one layer, or give them other times",
    );
    const ended = writtenExperiment("two", "m", ["search"], { end: "2026-01-01T00:00:00Z" });
    const later = writtenExperiment("one", "m", ["search"], { start: "2026-01-01T00:00:00Z" });
    expect(problems(ended, later)).toEqual([]);
    const sliced = [
      writtenExperiment("one", "m", ["search"], inLayer(0, 50)),
      writtenExperiment("two", "m", ["search"], inLayer(50, 90)),
    ];
    expect(problems(...sliced)).toEqual([]);
    const cells = writtenExperiment("two", "m", ["search"], { allocation: { by: "cells" } });
    expect(problems(one, cells)).toEqual([]);
  });

  test("may not take what another one of its layer has, nor bring another unit into it", () => {
    const one = writtenExperiment("one", "m", ["home"], inLayer(0, 50));
    expect(problems(one, writtenExperiment("two", "m", ["search"], inLayer(40, 60)))).toContain(
      "Experiment default/two: spec.layer.slices[0]: Experiment default/one has 0 to 50 of layer ranking at the same time; take another part, or other times",
    );
    expect(
      problems(one, writtenExperiment("two", "m", ["search"], { ...inLayer(60, 70), unit: "account" }))[0],
    ).toContain(
      'spec.unit: must be "account", the unit of Experiment default/two in the same layer, found "userId"; or use another layer',
    );
  });

  test("keeps what it names from being deleted", () => {
    const experiment = writtenExperiment("exp", "m", ["home"]);
    const live = settled(base, [experiment], ["objective.default.home"], [writtenModel("m", ["7"], "s")]);
    expect(refusals(live)["objective.default.home"]?.join()).toContain("Experiment default/exp needs it");
    expect(refusals(live)["model.default.m"]?.join()).toContain("Experiment default/exp needs it");
    expect(live.objectives.has("default/home")).toBe(true);
  });
});

describe("settling", () => {
  test("refuses an experiment that collides with a live one, and takes it when that one makes room", () => {
    const one = writtenExperiment("one", "m", ["home"], inLayer(0, 60));
    const two = writtenExperiment("two", "m", ["home"], inLayer(50, 100));
    const collided = settled(base, [one], [two]);
    expect(Object.keys(refusals(collided))).toEqual(["experiment.default.two"]);
    expect([...collided.experiments.keys()]).toEqual(["default/one"]);
    const smaller = writtenExperiment("one", "m", ["home"], inLayer(0, 50));
    const roomy = settled(base, [one], [two], [smaller]);
    expect(refusals(roomy)).toEqual({});
    expect([...roomy.experiments.keys()].sort()).toEqual(["default/one", "default/two"]);
    const swapped = settled(base, [one], [smaller, two]);
    expect(refusals(swapped)).toEqual({});
  });

  test("takes an experiment once the objective arrives that it waited for", () => {
    const live = settled(base, [writtenExperiment("exp", "m", ["late"])], [writtenObjective("late", "rest", "1")]);
    expect(live.experiments.has("default/exp")).toBe(true);
  });

  test("refuses audiences with parts of parts, from either side", () => {
    const parts = writtenAudience("whole", { parts: ["part"] });
    const deep = settled(
      base,
      [writtenAudience("part", { parts: ["leaf"] }), writtenAudience("leaf", { members: ["u"] })],
      [parts],
    );
    expect(refusals(deep)["audience.default.whole"]?.join()).toContain('audience "part" has parts itself');
    const leaf = writtenAudience("part", { members: ["u"] });
    const changed = settled(base, [leaf, parts], [writtenAudience("part", { parts: ["whole"] })]);
    expect(changed.audiences.get("default/part")?.document.spec.members).toEqual(["u"]);
    expect(refusals(changed)["audience.default.part"]?.join()).toContain("Audience default/whole needs it");
  });
});

describe("an objective under an experiment", () => {
  const when = { userId: { inAudience: "vips" } };
  const documents = [
    ...base,
    writtenAudience("part", { members: ["u"] }),
    writtenAudience("vips", { parts: ["part"] }),
    writtenExperiment("exp", "m", ["home"], { when }),
  ];
  const live = settled(documents, [writtenHoldout("global", 5)]);
  const home = live.objectives.get("default/home")?.document as Objective;

  test("has routing keys for the experiment's models too", () => {
    expect(modelsIn(live, home)).toEqual(["default/rest", "default/m"]);
    const search = live.objectives.get("default/search")?.document as Objective;
    expect(modelsIn(live, search)).toEqual(["default/rest"]);
  });

  test("has the highest revision of all that it depends on, holdouts among them", () => {
    expect(experimentsOn(live, "default/home").map(({ document }) => audiencesOf(live, document))).toEqual([
      ["default/vips", "default/part"],
    ]);
    expect(objectiveRevision(live, "default/home")).toBe(9);
    expect(objectiveRevision(live, "default/search")).toBe(5);
    const without = settled(documents);
    expect(objectiveRevision(without, "default/home")).toBe(8);
  });

  test.each([
    ["its experiment", writtenExperiment("exp", "m", ["home"])],
    ["a holdout of the namespace", writtenHoldout("global", 6)],
    ["a part of an audience", writtenAudience("part", { members: ["v"] })],
    ["a model of an arm", writtenModel("m", ["7", "8", "9"], "s")],
  ])("is looked at again when %s changes, and no other is", (_what, change) => {
    const after = settle(live, [stored(10, change)], now);
    expect(after.rejections.size).toBe(0);
    expect([...affectedObjectives(live, after)]).toEqual(["default/home"]);
  });

  test("is looked at again when its experiment goes, or moves to another objective", () => {
    const gone = settle(live, [stored(10, "experiment.default.exp")], now);
    expect([...affectedObjectives(live, gone)]).toEqual(["default/home"]);
    const moved = settle(live, [stored(10, writtenExperiment("exp", "m", ["search"]))], now);
    expect([...affectedObjectives(live, moved)].sort()).toEqual(["default/home", "default/search"]);
  });
});
