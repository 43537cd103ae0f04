import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { contextLimits, parseContext } from "./context.ts";

function problemsOf(input: unknown) {
  const parsed = parseContext(input);
  return parsed.ok ? [] : parsed.problems;
}

test("strings, numbers, booleans and lists of them are kept", () => {
  const input = { userId: "u", age: 5, beta: false, tags: ["a", 1, true], empty: [] };
  expect(parseContext(input)).toEqual({ ok: true, context: input });
});

test("null stands for an absent attribute", () => {
  const parsed = parseContext({ a: null, b: undefined });
  expect(parsed.ok && Object.keys(parsed.context)).toEqual([]);
});

test("keys that pollute prototypes are attributes like any other", () => {
  const parsed = parseContext(JSON.parse('{"__proto__": "x", "constructor": "y"}'));
  expect(parsed.ok && Object.entries(parsed.context)).toEqual([
    ["__proto__", "x"],
    ["constructor", "y"],
  ]);
  expect(({} as Record<string, unknown>).x).toBeUndefined();
});

test("an object under __proto__ is refused like any object, and pollutes nothing", () => {
  expect(problemsOf(JSON.parse('{"__proto__": {"admin": true}}'))).toEqual([
    { path: "context.__proto__", message: "must be a string, number, boolean or a list of these, found an object" },
  ]);
  expect(({} as Record<string, unknown>).admin).toBeUndefined();
});

describe("what is refused", () => {
  test.each([
    [null, "null"],
    [[], "a list"],
    ["text", "string"],
    [5, "number"],
    [undefined, "undefined"],
  ])("%j is no context", (input, found) => {
    const message = `must be an object of attributes such as {"userId": "42"}, found ${found}`;
    expect(problemsOf(input)).toEqual([{ path: "context", message }]);
  });

  test("every problem is named at once", () => {
    const input = { a: {}, "b c": 1, c: [1, null], d: Number.POSITIVE_INFINITY, ok: 1 };
    expect(problemsOf(input).map(({ path }) => path)).toEqual([
      "context.a",
      "context.b c",
      "context.c[1]",
      "context.d",
    ]);
  });

  test("10,000 attributes are one problem that names the limit", () => {
    const input = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`a${index}`, 1]));
    const message = "has 10000 attributes, at most 256 are allowed: send only what rules read";
    expect(problemsOf(input)).toEqual([{ path: "context", message }]);
  });

  test("a string or list over its limit", () => {
    const { stringCharacters, valuesPerList } = contextLimits;
    expect(problemsOf({ a: "x".repeat(stringCharacters), b: Array(valuesPerList).fill(1) })).toEqual([]);
    expect(problemsOf({ a: "x".repeat(stringCharacters + 1) })[0]?.message).toContain("at most 16384 are allowed");
    expect(problemsOf({ b: Array(valuesPerList + 1).fill(1) })[0]?.message).toContain("at most 1024 are allowed");
  });
});

test("any JSON is either a context or named problems, never an exception", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (input) => {
      const parsed = parseContext(input);
      return parsed.ok || parsed.problems.length > 0;
    }),
  );
});
