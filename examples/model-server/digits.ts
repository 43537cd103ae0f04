import { z } from "zod";

/** Pixels of one digit: 8 x 8, row by row. */
export const pixelsPerDigit = 64;
/** Black; white is 0. */
export const darkestPixel = 16;
export const classes = 10;

const layer = z.object({
  activation: z.enum(["relu", "softmax"]),
  /** One list of weights, and one bias, for each neuron. */
  weights: z.array(z.array(z.number())),
  bias: z.array(z.number()),
});

/** What examples/quickstart/train.py writes. */
export const digitsWeights = z.object({
  model: z.literal("digits"),
  version: z.string(),
  method: z.string(),
  heldOut: z.object({ rows: z.int(), correct: z.int(), accuracy: z.number() }),
  layers: z.array(layer).min(1),
});

export type DigitsWeights = z.output<typeof digitsWeights>;

export type Classification = {
  /** 0 to 9. */
  readonly digit: number;
  /** Of each of the ten digits; they add up to 1. */
  readonly probabilities: readonly number[];
};

/** Reads one digit from {@link pixelsPerDigit} numbers between 0 and {@link darkestPixel}. */
export function classify(weights: DigitsWeights, pixels: readonly number[]): Classification {
  let values = pixels;
  for (const { weights: neurons, bias, activation } of weights.layers) {
    const sums = neurons.map((neuron, index) => dot(neuron, values) + (bias[index] ?? 0));
    values = activation === "relu" ? sums.map((sum) => Math.max(0, sum)) : softmax(sums);
  }
  return { digit: values.indexOf(Math.max(...values)), probabilities: values };
}

function dot(left: readonly number[], right: readonly number[]): number {
  let sum = 0;
  for (let index = 0; index < left.length; index++) sum += (left[index] ?? 0) * (right[index] ?? 0);
  return sum;
}

/** The largest is taken off first, so that no power overflows. */
function softmax(values: readonly number[]): number[] {
  const largest = Math.max(...values);
  const powers = values.map((value) => Math.exp(value - largest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}
