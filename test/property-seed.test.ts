import fc from "fast-check";
import { expect, test } from "vitest";

test("property tests begin with the seed that the run prints, so that it can be run again", () => {
  const cases = () => fc.sample(fc.array(fc.nat()), 20);
  expect(cases()).toEqual(cases());
  expect(cases()).toEqual(fc.sample(fc.array(fc.nat()), { numRuns: 20, seed: Number(process.env.PROPERTY_SEED) }));
});
