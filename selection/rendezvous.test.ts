import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buildSplitVectors } from "./build-vectors.ts";
import { type Arm, bucketOf, createSplit, pickArm, scoreArms } from "./rendezvous.ts";
import {
  chiSquare,
  chiSquareLimit,
  collisionProbability,
  probabilities,
  totalVariation,
  withinSigmas,
} from "./testing/statistics.ts";
import vectors from "./vectors/splits.json" with { type: "json" };

test("the golden vectors of splits hold, and generating them again changes nothing", () => {
  expect(buildSplitVectors()).toEqual(vectors);
  expect(vectors.units.length).toBeGreaterThanOrEqual(200);
});

// Statements about chance are tested with fixed seeds: a run that holds holds for ever, and 4 sigma need no retries.
const seed = 20260521;
const units = Array.from({ length: 20_000 }, (_, index) => `user-${index}`);
const salt = fc.string({ unit: "grapheme", minLength: 1, maxLength: 30 });
const weight = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.double({ min: 0.01, max: 100, noNaN: true }));
const armsOf = (count: number) => fc.array(weight, { minLength: 2, maxLength: count }).map(named);

function named(weights: readonly number[]): Arm[] {
  return weights.map((value, index) => ({ name: `arm-${index}`, weight: value }));
}

function pickAll(splitSalt: string, arms: readonly Arm[]): number[] {
  const split = createSplit(splitSalt, arms);
  return units.map((unit) => pickArm(split, unit));
}

function moves(before: readonly number[], after: readonly number[]): { readonly from: number; readonly to: number }[] {
  return before.flatMap((from, unit) => (from === after[unit] ? [] : [{ from, to: after[unit] as number }]));
}

/** Everything that any rule could answer for one unit when the arm with the number of the set is left out of each set. */
function armsUnderEachSet(count: number): number[][] {
  const choices = (out: number) => Array.from({ length: count }, (_, arm) => arm).filter((arm) => arm !== out);
  let answers: number[][] = [[]];
  for (let out = 0; out < count; out += 1)
    answers = answers.flatMap((answer) => choices(out).map((arm) => [...answer, arm]));
  return answers;
}

describe("shares", () => {
  test("every arm's share is within 4 sigma of its weight", () => {
    fc.assert(
      fc.property(salt, armsOf(6), (givenSalt, arms) => {
        const picked = pickAll(givenSalt, arms);
        for (const [arm, share] of probabilities(arms).entries()) {
          expect(withinSigmas(picked.filter((index) => index === arm).length, units.length, share, 4)).toBe(true);
        }
      }),
      { seed, numRuns: 60 },
    );
  });

  test("an arm of one in ten thousand gets its share", () => {
    const arms = named([9999, 1]);
    let rare = 0;
    for (const run of Array.from({ length: 50 }, (_, index) => index)) {
      rare += pickAll(`rare-${run}`, arms).filter((index) => index === 1).length;
    }
    expect(withinSigmas(rare, 50 * units.length, 0.0001, 4)).toBe(true);
  });

  test("an arm of weight 0 is never picked, and a split of such arms picks none", () => {
    expect(new Set(pickAll("s", named([0, 1, 0])))).toEqual(new Set([1]));
    expect(new Set(pickAll("s", named([0, 0])))).toEqual(new Set([-1]));
    expect(pickArm(createSplit("s", []), "unit")).toBe(-1);
  });

  test("only the proportions of the weights count", () => {
    expect(pickAll("s", named([1, 2, 5]))).toEqual(pickAll("s", named([1000, 2000, 5000])));
  });

  test("of arms with the same score, which need the same name, the first is picked", () => {
    const twins = [
      { name: "twin", weight: 1 },
      { name: "twin", weight: 1 },
    ];
    expect(new Set(pickAll("s", twins))).toEqual(new Set([0]));
  });
});

describe("movement when weights change", () => {
  test("when one arm's weight changes, what moves is the total variation distance", () => {
    fc.assert(
      fc.property(salt, armsOf(6), weight, (givenSalt, arms, changed) => {
        const after = arms.map((arm, index) => (index === 0 ? { ...arm, weight: changed } : arm));
        const moved = moves(pickAll(givenSalt, arms), pickAll(givenSalt, after)).length;
        expect(withinSigmas(moved, units.length, totalVariation(arms, after), 4)).toBe(true);
      }),
      { seed, numRuns: 60 },
    );
  });

  test("when both weights of two arms change, what moves is the total variation distance", () => {
    fc.assert(
      fc.property(salt, weight, weight, weight, weight, (givenSalt, a, b, c, d) => {
        const moved = moves(pickAll(givenSalt, named([a, b])), pickAll(givenSalt, named([c, d]))).length;
        expect(withinSigmas(moved, units.length, totalVariation(named([a, b]), named([c, d])), 4)).toBe(true);
      }),
      { seed, numRuns: 60 },
    );
  });

  test("when any weights change, what moves is what theory says: at most 2d/(1+d) for a distance d", () => {
    fc.assert(
      fc.property(salt, fc.array(fc.tuple(weight, weight), { minLength: 2, maxLength: 6 }), (givenSalt, weights) => {
        const before = named(weights.map(([first]) => first));
        const after = named(weights.map(([, second]) => second));
        const moved = moves(pickAll(givenSalt, before), pickAll(givenSalt, after)).length;
        const distance = totalVariation(before, after);
        const expected = 1 - collisionProbability(before, after);
        expect(withinSigmas(moved, units.length, expected, 4)).toBe(true);
        expect(expected).toBeLessThanOrEqual((2 * distance) / (1 + distance) + 1e-12);
      }),
      { seed, numRuns: 60 },
    );
  });

  // docs/adr/031: the weights for which no rule that knows only the present weights has a lower bound.
  test.each([3, 4, 5, 6])("of %i arms, leaving out another one moves 2d/(1+d), which no rule can undercut", (count) => {
    const sets = Array.from({ length: count }, (_, out) =>
      named(Array.from({ length: count }, (_unused, arm) => (arm === out ? 0 : 1))),
    );
    const pairs = sets.flatMap((_, a) => sets.slice(a + 1).map((_unused, b) => [a, a + 1 + b] as const));
    const agreeing = (arms: readonly number[]) => pairs.filter(([a, b]) => arms[a] === arms[b]).length;
    const share = 2 / count;
    expect(totalVariation(sets[0] ?? [], sets[1] ?? [])).toBeCloseTo(share / (2 - share), 12);

    const mostThatCanAgree = Math.max(...armsUnderEachSet(count).map(agreeing));
    expect(1 - mostThatCanAgree / pairs.length).toBeCloseTo(share, 12);

    const picked = sets.map((arms) => pickAll("left out", arms));
    for (const [a, b] of pairs) {
      const moved = moves(picked[a] ?? [], picked[b] ?? []).length;
      expect(withinSigmas(moved, units.length, share, 4)).toBe(true);
    }
  });

  test("adding an arm takes units from the others and moves none between them", () => {
    let total = 0;
    fc.assert(
      fc.property(salt, armsOf(5), weight, (givenSalt, arms, added) => {
        const after = [...arms, { name: "added", weight: added }];
        const moved = moves(pickAll(givenSalt, arms), pickAll(givenSalt, after));
        total += moved.length;
        return moved.every(({ to }) => to === arms.length);
      }),
      { seed, numRuns: 30 },
    );
    expect(total).toBeGreaterThan(units.length);
  });

  test("raising one arm never moves a unit between two others", () => {
    let total = 0;
    fc.assert(
      fc.property(salt, armsOf(6), fc.double({ min: 1, max: 50, noNaN: true }), (givenSalt, arms, factor) => {
        const after = arms.map((arm, index) => (index === 1 ? { ...arm, weight: arm.weight * factor } : arm));
        const moved = moves(pickAll(givenSalt, arms), pickAll(givenSalt, after));
        total += moved.length;
        return moved.every(({ to }) => to === 1);
      }),
      { seed, numRuns: 30 },
    );
    expect(total).toBeGreaterThan(units.length);
  });

  test("no unit moves between two arms whose weights did not change", () => {
    let total = 0;
    fc.assert(
      fc.property(
        salt,
        armsOf(6),
        fc.array(fc.option(weight), { minLength: 6, maxLength: 6 }),
        (givenSalt, arms, changes) => {
          const after = arms.map((arm, index) => ({ ...arm, weight: changes[index] ?? arm.weight }));
          const unchanged = (index: number) => arms[index]?.weight === after[index]?.weight;
          const moved = moves(pickAll(givenSalt, arms), pickAll(givenSalt, after));
          total += moved.length;
          return moved.every(({ from, to }) => !(unchanged(from) && unchanged(to)));
        },
      ),
      { seed, numRuns: 30 },
    );
    expect(total).toBeGreaterThan(units.length);
  });

  test("the order of the arms does not matter", () => {
    const arms = named([10, 20, 30, 40]);
    const reversed = arms.toReversed();
    const names = pickAll("s", arms).map((index) => arms[index]?.name);
    expect(pickAll("s", reversed).map((index) => reversed[index]?.name)).toEqual(names);
  });
});

describe("independence", () => {
  // Pearson's test wants a few units expected in every cell.
  const evenArms = fc.array(fc.integer({ min: 10, max: 100 }), { minLength: 2, maxLength: 4 }).map(named);

  test("two splits of different salts are independent (chi-square, p > 0.0001)", () => {
    fc.assert(
      fc.property(salt, salt, evenArms, evenArms, (first, second, armsA, armsB) => {
        fc.pre(first !== second);
        const { statistic, degrees } = chiSquare(pickAll(first, armsA), pickAll(second, armsB));
        expect(statistic).toBeLessThan(chiSquareLimit(degrees));
      }),
      { seed, numRuns: 60 },
    );
  });

  test("salts that differ in a digit are as independent", () => {
    for (let index = 0; index < 30; index += 1) {
      const arms = named([50, 50]);
      const { statistic, degrees } = chiSquare(pickAll(`exp-${index}`, arms), pickAll(`exp-${index + 1}`, arms));
      expect(statistic).toBeLessThan(chiSquareLimit(degrees));
    }
  });

  test("two splits of one salt put a unit into the arm of the same name", () => {
    expect(pickAll("shared", named([30, 70]))).toEqual(pickAll("shared", named([30, 70])));
    expect(moves(pickAll("shared", named([30, 70])), pickAll("other", named([30, 70]))).length).toBeGreaterThan(1000);
  });
});

test("an arm of weight -0 is picked as little as one of weight 0", () => {
  expect(new Set(pickAll("s", named([-0, 1])))).toEqual(new Set([1]));
});

test("an explanation shows the scores by which an arm is picked", () => {
  const arms = named([0, 20, 80]);
  const split = createSplit("s", arms);
  for (const unit of units.slice(0, 500)) {
    const explained = scoreArms(split, unit);
    const best = Math.min(...explained.scores.map((arm) => arm.score));
    expect(explained.bucket).toBe(bucketOf("s", unit));
    expect(explained.scores[0]?.score).toBe(Number.POSITIVE_INFINITY);
    expect(explained.scores.findIndex((arm) => arm.score === best)).toBe(pickArm(split, unit));
  }
});
