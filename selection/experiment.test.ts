import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ExperimentInput } from "../config/documents/experiment.ts";
import { type CompiledObjective, compileObjective } from "./compile.ts";
import type { Context } from "./context.ts";
import { explain } from "./explain.ts";
import { select } from "./select.ts";
import { experiment, holdout, model, objective } from "./testing/documents.ts";
import { chiSquare, chiSquareLimit, withinSigmas } from "./testing/statistics.ts";

const models = [model("ranker", "1", "2", "3"), model("other", "1")];
const control = { model: "ranker", version: "1" };
const treatment = { model: "ranker", version: "2" };

type Parts = Pick<Parameters<typeof compileObjective>[0], "experiments" | "holdouts">;

/** The objective `default/test`, whose default is `ranker@1` and whose only rule serves `ranker@3` to staff. */
function under(parts: Parts, name = "test"): CompiledObjective {
  const rules = [{ name: "staff", when: { staff: true }, serve: { model: "ranker", version: "3" } }];
  const document = objective({ rules });
  const metadata = { ...document.metadata, name };
  return compileObjective({ objective: { ...document, metadata }, models, revision: 7, ...parts });
}

const units = Array.from({ length: 20_000 }, (_, index) => `user-${index}`);
const armsOf = (subject: CompiledObjective, attribute = "userId") =>
  units.map((unit) => {
    const { reason, rule, variant } = select(subject, { [attribute]: unit });
    return reason === "experiment" ? `${rule}/${variant}` : "none";
  });

describe("an experiment", () => {
  test("decides before the rules, and names itself and the arm", () => {
    const subject = under({ experiments: [experiment("exp")] });
    const decision = select(subject, { userId: "u1", staff: true });
    expect(decision).toMatchObject({ rule: "exp", reason: "experiment" });
    expect(decision.version).toBe(decision.variant === "control" ? "1" : "2");
    expect(decision.routingKey).toBe(`default/test/ranker@${decision.version}`);
  });

  test("puts a unit into the same arm in all of its objectives", () => {
    const targets = ["test", "search"].map((name) => ({ objective: name, arms: { control, treatment } }));
    const both = [experiment("exp", { targets })];
    expect(armsOf(under({ experiments: both }, "search"))).toEqual(armsOf(under({ experiments: both })));
  });

  test("leaves objectives that are not its targets as they are", () => {
    const targets = [{ objective: "search", arms: { control, treatment } }];
    expect(under({ experiments: [experiment("exp", { targets })] }).experiments).toEqual([]);
  });

  test("that does not match leaves the decision to the rules and the default", () => {
    const subject = under({ experiments: [experiment("exp", { when: { country: "US" } })] });
    expect(select(subject, { userId: "u", country: "DE" })).toMatchObject({ rule: "default", reason: "default" });
    expect(select(subject, { userId: "u", staff: true })).toMatchObject({ rule: "staff", reason: "rule" });
    expect(select(subject, { userId: "u", country: "US" })).toMatchObject({ rule: "exp" });
  });

  test("without a unit is passed over, and the decision says so", () => {
    const subject = under({ experiments: [experiment("exp", { unit: "account" })] });
    expect(select(subject, { userId: "u" })).toMatchObject({ rule: "default", reason: "unit_missing" });
    expect(select(subject, { userId: "u", account: 5 })).toMatchObject({ rule: "exp", reason: "experiment" });
  });

  test("runs from its start, and no longer at its end, whatever the clock does", () => {
    const spec = { start: "2026-11-21T09:00:00+01:00", end: "2026-11-22T00:00:00Z" };
    const subject = under({ experiments: [experiment("exp", spec)] });
    const at = (now: number) => select(subject, { userId: "u" }, { now }).reason;
    const [start, end] = [Date.parse("2026-11-21T08:00:00Z"), Date.parse("2026-11-22T00:00:00Z")];
    expect([start - 1, start, end - 1, end].map(at)).toEqual(["default", "experiment", "experiment", "default"]);
    fc.assert(
      fc.property(fc.double(), (now) => {
        expect(at(now)).toBe(now >= start && now < end ? "experiment" : "default");
      }),
    );
  });

  test("deals all units anew with another iteration, independently of the one before", () => {
    const [first, second] = [1, 2].map((iteration) =>
      armsOf(under({ experiments: [experiment("exp", { iteration })] })),
    );
    const { statistic, degrees } = chiSquare(codes(first), codes(second));
    expect(statistic).toBeLessThan(chiSquareLimit(degrees));
  });

  test("keeps its units when its times, versions or condition change, and with the salt of another one", () => {
    const before = armsOf(under({ experiments: [experiment("exp")] }));
    const edited = experiment("exp", { start: "2020-01-01T00:00:00Z", when: { userId: { exists: true } } });
    expect(armsOf(under({ experiments: [edited] }))).toEqual(before);
    const copy = experiment("copy", { salt: "experiment:default/exp" });
    expect(armsOf(under({ experiments: [copy] }))).toEqual(before.map((arm) => arm.replace("exp/", "copy/")));
  });

  test("gives way to an override, which may name a version that only an arm names", () => {
    const arms = { control, treatment: { model: "other", version: "1" } };
    const subject = under({ experiments: [experiment("exp", { targets: [{ objective: "test", arms }] })] });
    const override = { model: "other", version: "1" };
    expect(select(subject, { userId: "u" }, { override })).toMatchObject({ reason: "override", model: "other" });
  });
});

describe("a layer", () => {
  const sliced = (name: string, from: number, to: number, more: Partial<ExperimentInput["spec"]> = {}) =>
    experiment(name, { layer: { name: "ranking", slices: [{ from, to }] }, ...more });

  test("gives each experiment its part of the units, and nobody two", () => {
    const experiments = [sliced("a", 0, 20), sliced("b", 20, 50)];
    const together = armsOf(under({ experiments }));
    const alone = experiments.map((each) => armsOf(under({ experiments: [each] })));
    for (const [index, arm] of together.entries()) {
      const own = alone.map((arms) => arms[index]).filter((each) => each !== "none");
      expect(own.length).toBeLessThan(2);
      expect(arm).toBe(own[0] ?? "none");
    }
    const share = (name: string) => together.filter((arm) => arm.startsWith(`${name}/`)).length;
    expect(withinSigmas(share("a"), units.length, 0.2, 4)).toBe(true);
    expect(withinSigmas(share("b"), units.length, 0.3, 4)).toBe(true);
  });

  test("lets an experiment grow without moving a unit that is in it", () => {
    const small = armsOf(under({ experiments: [sliced("a", 0, 10)] }));
    const layer = {
      name: "ranking",
      slices: [
        { from: 0, to: 10 },
        { from: 60, to: 75 },
      ],
    };
    const grown = armsOf(under({ experiments: [experiment("a", { layer })] }));
    for (const [index, arm] of small.entries()) if (arm !== "none") expect(grown[index]).toBe(arm);
    expect(grown.filter((arm) => arm !== "none").length).toBeGreaterThan(
      2 * small.filter((arm) => arm !== "none").length,
    );
  });

  test("says nothing of the arm a unit falls into", () => {
    const first = armsOf(under({ experiments: [sliced("a", 0, 50)] }));
    const half = first.flatMap((arm) => (arm === "none" ? [] : [arm]));
    expect(withinSigmas(half.filter((arm) => arm === "a/control").length, half.length, 0.5, 4)).toBe(true);
  });

  test("from 0 to 100 has every unit, and borders belong to one side", () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }),
        fc.double({ min: 0.0001, max: 99.9999, noNaN: true }),
        (userId, border) => {
          const whole = under({ experiments: [sliced("a", 0, 100)] });
          expect(select(whole, { userId }).rule).toBe("a");
          const halves = under({ experiments: [sliced("a", 0, border), sliced("b", border, 100)] });
          expect(select(halves, { userId }).reason).toBe("experiment");
        },
      ),
    );
  });
});

describe("a holdout", () => {
  test("keeps the same units out of every experiment of its unit", () => {
    const holdouts = [holdout("global", { percent: 10 })];
    const arms = ["a", "b"].map((name) => armsOf(under({ experiments: [experiment(name)], holdouts })));
    expect(arms[0]?.map((arm) => arm === "none")).toEqual(arms[1]?.map((arm) => arm === "none"));
    expect(withinSigmas(arms[0]?.filter((arm) => arm === "none").length ?? 0, units.length, 0.1, 4)).toBe(true);
  });

  test("that grows keeps the units it had", () => {
    const held = [5, 15].map((percent) =>
      armsOf(under({ experiments: [experiment("a")], holdouts: [holdout("global", { percent })] })),
    );
    for (const [index, arm] of (held[0] ?? []).entries()) if (arm === "none") expect(held[1]?.[index]).toBe("none");
  });

  test("of another unit does not concern an experiment", () => {
    const holdouts = [holdout("accounts", { percent: 100, unit: "account" })];
    expect(armsOf(under({ experiments: [experiment("a")], holdouts }))).not.toContain("none");
  });

  test("leaves the rules alone", () => {
    const subject = under({ experiments: [experiment("a")], holdouts: [holdout("all", { percent: 100 })] });
    expect(select(subject, { userId: "u", staff: true })).toMatchObject({ rule: "staff", reason: "rule" });
  });
});

describe("cells of an outside platform", () => {
  const byCells = experiment("exp", { allocation: { by: "cells", key: "lab=7" } });
  const subject = under({ experiments: [byCells] });
  const decided = (context: Context) => {
    const { reason, variant } = select(subject, context);
    return reason === "experiment" ? variant : reason;
  };

  test("name the arm, in a list or alone, and need no unit", () => {
    expect(decided({ cells: ["other=control", "lab=7=treatment"] })).toBe("treatment");
    expect(decided({ cells: "lab=7=control" })).toBe("control");
  });

  test.each([
    ["no cells", {}],
    ["an empty list", { cells: [] }],
    ["cells of other experiments", { cells: ["lab=70=treatment", "exp=treatment"] }],
    ["an arm that does not exist", { cells: ["lab=7=constructor"] }],
    ["a cell without an arm", { cells: ["lab=7="] }],
    ["cells that are no texts", { cells: [1, true] }],
    ["a number", { cells: 7 }],
  ])("%s leave the decision to the rules and the default", (_what, context) => {
    expect(decided(context as Context)).toBe("default");
  });

  test("do not bring a unit in that is held out", () => {
    const held = under({ experiments: [byCells], holdouts: [holdout("all", { percent: 100 })] });
    expect(select(held, { userId: "u", cells: ["lab=7=control"] }).reason).toBe("default");
    expect(select(held, { cells: ["lab=7=control"] }).reason).toBe("unit_missing");
  });
});

describe("explain", () => {
  const layer = { name: "ranking", slices: [{ from: 0, to: 30 }] };
  const spec = { when: { country: "US" }, layer, start: "2026-01-01T00:00:00Z", end: "2026-02-01T00:00:00Z" };
  const subject = under({ experiments: [experiment("exp", spec)], holdouts: [holdout("global", { percent: 20 })] });
  const inside = Date.parse("2026-01-15T00:00:00Z");
  const explained = (context: Context, now = inside) => explain(subject, context, { now }).experiments[0];
  const unitWith = (outcome: string) =>
    units.find((userId) => explained({ userId, country: "US" })?.outcome === outcome);

  test("says of every experiment why it took the context or did not", () => {
    expect(explained({ userId: "u", country: "DE" })).toMatchObject({ outcome: "not_matched", matches: false });
    expect(explained({ country: "US" })).toMatchObject({ outcome: "unit_missing", split: null });
    expect(explained({ userId: "u", country: "US" }, 0)?.why).toContain("starts at 2026-01-01T00:00:00.000Z");
    expect(explained({ userId: "u", country: "US" }, 2e12)?.why).toContain("ended at 2026-02-01T00:00:00.000Z");
    const held = explained({ userId: unitWith("held_out") as string, country: "US" });
    expect(held?.why.join()).toContain("holdout global: holds out 20 %, the unit among them");
    const outside = explained({ userId: unitWith("outside_slices") as string, country: "US" });
    expect(outside?.why.join()).toMatch(
      /layer ranking: the unit lies at (3\d|[4-9]\d)(\.\d+)? %, the experiment has 0 to 30 %/,
    );
    const chosen = explained({ userId: unitWith("chosen") as string, country: "US" });
    expect(chosen?.split?.arms.filter((arm) => arm.chosen)).toHaveLength(1);
  });

  test("agrees with the decision for any context and time", () => {
    const arbitraryContext = fc.record(
      { userId: fc.oneof(fc.string(), fc.integer()), country: fc.constantFrom("US", "DE"), staff: fc.boolean() },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(arbitraryContext, fc.constantFrom(0, inside, 2e12, Number.NaN), (context, now) => {
        const { decision, experiments, rules } = explain(subject, context, { now });
        expect(decision).toEqual(select(subject, context, { now }));
        const steps = [...experiments, ...rules].map(({ outcome }) => outcome);
        expect(steps.filter((outcome) => outcome === "chosen")).toHaveLength(decision.rule === "default" ? 0 : 1);
      }),
    );
  });

  test("does not call an experiment chosen when an override decided", () => {
    const all = under({ experiments: [experiment("exp")] });
    const { experiments } = explain(all, { userId: "u" }, { override: { version: "3" } });
    expect(experiments[0]?.outcome).toBe("not_reached");
  });
});

function codes(arms: readonly string[] | undefined): number[] {
  return (arms ?? []).map((arm) => ["exp/control", "exp/treatment"].indexOf(arm));
}
