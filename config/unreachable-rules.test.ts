import fc from "fast-check";
import { expect, test } from "vitest";
import { arbitraryCondition } from "../test/support/arbitrary-documents.ts";
import type { Condition } from "./documents/condition.ts";
import { unreachableRules } from "./unreachable-rules.ts";

const found = (...conditions: readonly unknown[]) =>
  unreachableRules(conditions.map((when) => (when === undefined ? {} : { when: when as Condition })));

test.each([
  ["a rule without a condition", undefined],
  ["an empty condition", {}],
  ["an and of nothing but empty conditions", { and: [{}, { and: [{}] }] }],
  ["an or with an empty condition in it", { or: [{ a: 1 }, {}] }],
])("behind %s nothing can match", (_what, first) => {
  expect(found(first, { device: "tv" })).toEqual([{ rule: 1, shadowedBy: 0 }]);
});

test("the same condition again can never match, whatever the order of its fields", () => {
  expect(found({ a: 1, b: { in: [1, 2] } }, { b: { in: [1, 2] }, a: { eq: 1 } })).toEqual([{ rule: 1, shadowedBy: 0 }]);
});

test("a condition that only adds terms to an earlier one can never match", () => {
  expect(found({ country: "US" }, { country: "US", device: "tv" })).toEqual([{ rule: 1, shadowedBy: 0 }]);
  expect(found({ age: { gte: 18 } }, { and: [{ age: { gte: 18, lt: 65 } }] })).toEqual([{ rule: 1, shadowedBy: 0 }]);
});

test("a condition with fewer or other terms can match", () => {
  expect(found({ country: "US", device: "tv" }, { country: "US" })).toEqual([]);
  expect(found({ country: "US" }, { country: "DE" })).toEqual([]);
  expect(found({ n: 1 }, { n: "1" })).toEqual([]);
  expect(found({ not: { a: 1 } }, { a: 1 })).toEqual([]);
  expect(found({ or: [{ a: 1 }, { b: 1 }] }, { a: 2 })).toEqual([]);
});

test("an attribute that another part asks for in other words is no difference", () => {
  expect(found({ a: 1 }, { a: { eq: 1, exists: true } })).toEqual([{ rule: 1, shadowedBy: 0 }]);
  expect(found({ a: 1 }, { and: [{ a: 1 }], b: 2 })).toEqual([{ rule: 1, shadowedBy: 0 }]);
});

test("what cannot be read stands in the way of nothing", () => {
  const always = {};
  expect(unreachableRules([null, always, null])).toEqual([]);
  expect(unreachableRules([null, always, null, always])).toEqual([{ rule: 3, shadowedBy: 1 }]);
});

test("the first of several rules in the way is named", () => {
  expect(found({ a: 1 }, { b: 1 }, { b: 1, a: 1 })).toEqual([{ rule: 2, shadowedBy: 0 }]);
});

test("any condition of up to 64 terms is shadowed by itself and by its parts", () => {
  fc.assert(
    fc.property(arbitraryCondition, arbitraryCondition, (one, other) => {
      fc.pre(JSON.stringify([one, other]).length < 640);
      expect(found(one, one)).toEqual([{ rule: 1, shadowedBy: 0 }]);
      expect(found(one, { and: [other, one] })).toEqual([{ rule: 1, shadowedBy: 0 }]);
    }),
  );
});
