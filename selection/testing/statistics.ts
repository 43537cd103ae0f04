import type { Arm } from "../rendezvous.ts";

/** Whether `count` of `trials` is within so many standard deviations of what the probability leads to expect. */
export function withinSigmas(count: number, trials: number, probability: number, sigmas: number): boolean {
  const deviation = Math.sqrt(trials * probability * (1 - probability));
  // A count is a whole number: half a unit is no deviation, however sure the outcome.
  return Math.abs(count - trials * probability) <= sigmas * deviation + 0.5;
}

export function probabilities(arms: readonly Arm[]): number[] {
  const total = arms.reduce((sum, arm) => sum + arm.weight, 0);
  return arms.map((arm) => arm.weight / total);
}

/** The least share of units that must move between two sets of weights of the same arms. */
export function totalVariation(before: readonly Arm[], after: readonly Arm[]): number {
  const [p, q] = [probabilities(before), probabilities(after)];
  return p.reduce((sum, share, index) => sum + Math.abs(share - (q[index] as number)), 0) / 2;
}

/**
 * The probability that a unit's arm is the same before and after: Moulton and Jiang, Maximally Consistent Sampling and
 * the Jaccard Index of Probability Distributions (2018), which also shows that no other sampling beats it everywhere.
 */
export function collisionProbability(before: readonly Arm[], after: readonly Arm[]): number {
  const [p, q] = [probabilities(before), probabilities(after)];
  return p.reduce((sum, share, i) => {
    const ratios = p.map((other, j) => Math.max(other / share, (q[j] as number) / (q[i] as number)));
    return sum + 1 / ratios.reduce((total, ratio) => total + ratio, 0);
  }, 0);
}

/** Pearson's statistic of two outcomes of the same units being independent, and its degrees of freedom. */
export function chiSquare(first: readonly number[], second: readonly number[]) {
  const rows = countsOf(first);
  const columns = countsOf(second);
  const cells = countsOf(first.map((row, index) => `${row}/${second[index]}`));
  let statistic = 0;
  for (const [row, rowCount] of rows) {
    for (const [column, columnCount] of columns) {
      const expected = (rowCount * columnCount) / first.length;
      statistic += ((cells.get(`${row}/${column}`) ?? 0) - expected) ** 2 / expected;
    }
  }
  return { statistic, degrees: (rows.size - 1) * (columns.size - 1) };
}

/** The value that a chi-square statistic exceeds once in 10,000 times (Wilson and Hilferty's approximation). */
export function chiSquareLimit(degrees: number): number {
  if (degrees === 0) return 1e-9;
  const normalQuantile = 3.719;
  const spread = 2 / (9 * degrees);
  return degrees * (1 - spread + normalQuantile * Math.sqrt(spread)) ** 3;
}

function countsOf<T>(outcomes: readonly T[]): Map<T, number> {
  const counts = new Map<T, number>();
  for (const outcome of outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  return counts;
}
