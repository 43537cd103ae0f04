import { describe, expect, test } from "vitest";
import version7 from "../quickstart/digits-7.weights.json" with { type: "json" };
import version8 from "../quickstart/digits-8.weights.json" with { type: "json" };
import heldOut from "../quickstart/held-out.json" with { type: "json" };
import request from "../quickstart/request.json" with { type: "json" };
import { classify, digitsWeights, pixelsPerDigit } from "./digits.ts";

const digits = heldOut.digits.map(({ label, pixels }) => ({
  label,
  pixels: [...pixels].map((character) => heldOut.pixelCharacters.indexOf(character)),
}));

describe.each([
  ["7", digitsWeights.parse(version7)],
  ["8", digitsWeights.parse(version8)],
])("digits@%s", (version, weights) => {
  test("reads as many held-out digits rightly as train.py measured", () => {
    expect(digits).toHaveLength(weights.heldOut.rows);
    expect(digits.every(({ pixels }) => pixels.length === pixelsPerDigit)).toBe(true);
    const correct = digits.filter(({ pixels, label }) => classify(weights, pixels).digit === label).length;
    expect(correct).toBe(weights.heldOut.correct);
    expect(correct / digits.length).toBeCloseTo(weights.heldOut.accuracy, 6);
  });

  test("gives ten probabilities that add up to 1, also for pixels beyond all measure", () => {
    for (const pixels of [digits[0]?.pixels ?? [], Array<number>(pixelsPerDigit).fill(1e6)]) {
      const { probabilities } = classify(weights, pixels);
      expect(probabilities).toHaveLength(10);
      expect(probabilities.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 9);
    }
  });

  test("reads the digit of request.json, and says which version it is", () => {
    const label = Number(request.id.at(-1));
    expect(classify(weights, request.inputs[0]?.data ?? []).digit).toBe(label);
    expect(weights.version).toBe(version);
  });
});

test("version 8 is better than version 7", () => {
  expect(version8.heldOut.correct).toBeGreaterThan(version7.heldOut.correct);
});
