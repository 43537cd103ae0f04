import fc from "fast-check";
import type { Condition } from "../../config/documents/condition.ts";

// Few names and values, so that conditions and contexts meet often; some are names that objects inherit.
const attribute = fc.constantFrom("a", "b", "country", "constructor", "toString");
const text = fc.constantFrom("", "a", "ab", "US", "1", "1.2.3", "2.0.0", "😀", "true");
const number = fc.constantFrom(0, -0, 1, 1.5, -1, 2, 1e300);
const scalar = fc.oneof(text, number, fc.boolean());
const list = fc.array(scalar, { minLength: 1, maxLength: 4 });

const operators = fc
  .record(
    {
      eq: scalar,
      ne: scalar,
      in: list,
      notIn: list,
      lt: number,
      lte: number,
      gt: number,
      gte: number,
      startsWith: text,
      endsWith: text,
      contains: scalar,
      semver: fc.constantFrom(">=1.2.3", ">=1.10.0", ">=0.0.1"),
      matches: fc.constantFrom("^a", "b$", "[0-9]+\\.", "^$", "U|😀"),
      exists: fc.boolean(),
    },
    { requiredKeys: [] },
  )
  .filter((given) => Object.keys(given).length > 0)
  // Most terms have one operator: several together rarely hold.
  .chain((given) =>
    fc.oneof(
      fc.constantFrom(...Object.entries(given)).map((one) => Object.fromEntries([one])),
      fc.constant(given),
    ),
  );

const terms = fc.dictionary(attribute, fc.oneof(scalar, operators), { maxKeys: 2, noNullPrototype: true });

/** Conditions of every operator, nested at most `depth` deep. */
function conditionOf(depth: number): fc.Arbitrary<Condition> {
  if (depth === 0) return terms as fc.Arbitrary<Condition>;
  const inner = conditionOf(depth - 1);
  const several = fc.array(inner, { minLength: 1, maxLength: 3 });
  const nested = fc.record({ and: several, or: several, not: inner }, { requiredKeys: [], noNullPrototype: true });
  return fc.tuple(terms, nested).map(([beside, within]) => ({ ...beside, ...within }) as Condition);
}

export const condition = fc.oneof(conditionOf(0), conditionOf(1), conditionOf(2));

/** Contexts of good values, lists, and values that are none. */
export const context = fc.dictionary(
  attribute,
  fc.oneof(
    { weight: 4, arbitrary: scalar },
    { weight: 1, arbitrary: fc.array(scalar, { maxLength: 3 }) },
    { weight: 1, arbitrary: fc.constantFrom(null, undefined, Number.NaN, {}, { a: 1 }) },
  ),
  { noNullPrototype: false },
);
