import { describe, expect, test } from "vitest";
import type { SignalboxDocument } from "../config/documents/document.ts";
import { madeUpContexts } from "./sample.ts";
import { startSimulation } from "./simulate.ts";
import { liveOf, planned, ranker, ranking, shard } from "./testing/documents.ts";

const arm = (version: string) => ({ model: "ranker", version });
const experiment = (name: string, spec: object): SignalboxDocument =>
  planned("Experiment", name, {
    arms: [{ name: "control" }, { name: "treatment" }],
    targets: [{ objective: "ranking", arms: { control: arm("7"), treatment: arm("8") } }],
    ...spec,
  });

const start = "2030-01-01T00:00:00Z";
const end = "2030-02-01T00:00:00Z";

/** The shares of `ranking` over made-up units, at a time, by rule and variant. */
function simulated(documents: readonly SignalboxDocument[], at = start) {
  const live = liveOf(shard("a"), ranker({ "7": ["a"], "8": ["a"] }), ranking(), ...documents);
  const simulation = startSimulation(live, live, { nowMs: Date.parse(at) });
  for (const context of madeUpContexts(simulation.unitsOf("default/ranking"), 10_000))
    simulation.add(context, "default/ranking");
  const [result] = simulation.result();
  const shares = result?.after.map(
    ({ rule, variant, percent }) => [`${rule}/${variant}`, Math.round(percent)] as const,
  );
  return { shares: Object.fromEntries(shares ?? []), unreached: result?.unreachedExperiments };
}

describe("a simulation with experiments", () => {
  test("makes up units of the experiment's own attribute, and tells the share of each arm", () => {
    const { shares, unreached } = simulated([experiment("x", { unit: "accountId" })]);
    expect(shares).toEqual({ "x/control": expect.closeTo(50, -1), "x/treatment": expect.closeTo(50, -1) });
    expect(unreached).toEqual([]);
  });

  test("counts those outside its part of the layer, and those held out, elsewhere", () => {
    const holdout = planned("Holdout", "h", { unit: "userId", percent: 50 });
    const layered = experiment("x", { layer: { name: "l", slices: [{ from: 0, to: 40 }] } });
    expect(simulated([holdout, layered]).shares).toEqual({
      "x/control": expect.closeTo(10, -1),
      "x/treatment": expect.closeTo(10, -1),
      "default/null": expect.closeTo(80, -1),
    });
  });

  test("runs them by the time given, and names those that nobody is in", () => {
    const bounded = [experiment("x", { start, end })];
    expect(Object.keys(simulated(bounded, "2030-01-15T00:00:00Z").shares).sort()).toEqual(["x/control", "x/treatment"]);
    expect(simulated(bounded, end)).toEqual({ shares: { "default/null": 100 }, unreached: ["x"] });
    expect(simulated([experiment("y", { when: { country: "US" } })]).unreached).toEqual(["y"]);
  });
});
