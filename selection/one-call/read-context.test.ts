import { expect, test } from "vitest";
import type { OneCallAttribute } from "./attributes.ts";
import { maxAttributeBytes, readContext } from "./read-context.ts";

// test/one-call-context.test.ts holds this and its twin in Lua together.

const attribute = (type: OneCallAttribute["type"], from: Partial<OneCallAttribute> = {}): OneCallAttribute => {
  return { name: "a", header: "x-a", baggage: "a", type, ...from };
};

function read(headers: Readonly<Record<string, string>>, ...attributes: readonly OneCallAttribute[]) {
  const result = readContext((name) => headers[name], attributes);
  return result.ok ? { ...result.context } : `${result.problem.header} ${result.problem.message}`;
}

test.each([
  ["string", "user%201", "user 1"],
  ["string", "", ""],
  ["number", "42", 42],
  ["number", "-1.5", -1.5],
  ["number", "0.000001", 0.000001],
  ["number", "999999999999999", 999999999999999],
  ["number", "1e3", "1e3"],
  ["number", "-0", "-0"],
  ["number", "1.50", "1.50"],
  ["number", "0.0000001", "0.0000001"],
  ["number", "1234567890123456", "1234567890123456"],
  ["boolean", "true", true],
  ["boolean", "True", "True"],
  ["list", " a , b%2Cc ", ["a", "b,c"]],
  ["list", "", []],
] as const)("a %s from %j", (type, text, value) => {
  expect(read({ "x-a": text }, attribute(type))).toEqual({ a: value });
});

test("what counts as a number is written by JSON in the same way", () => {
  for (const text of ["0", "7", "-7", "0.1", "-0.000001", "123456.789", "100000000000000"]) {
    const { a } = read({ "x-a": text }, attribute("number")) as { readonly a: number };
    expect(JSON.stringify(a)).toBe(text);
  }
});

test("baggage counts where there is no header, the first member of a name, and never as a problem", () => {
  const headers = { baggage: "b=%ff, a = x%20y ;ttl=5 ,a=second" };
  expect(read(headers, attribute("string"))).toEqual({ a: "x y" });
  expect(read({ ...headers, "x-a": "header" }, attribute("string"))).toEqual({ a: "header" });
  expect(read(headers, attribute("string", { baggage: null }))).toEqual({});
  expect(read(headers, attribute("string", { name: "b", header: null, baggage: "b" }))).toEqual({});
});

test.each([
  ["a,b", "x-a has a comma: send it once, and a comma in its value as %2C"],
  ["100%", "x-a has a % that two hexadecimal digits do not follow; send % as %25"],
  ["%C3", "x-a is not UTF-8 in percent-encoding"],
  ["a".repeat(maxAttributeBytes + 1), "x-a has more than 4096 bytes"],
  ["%61".repeat(maxAttributeBytes + 1), "x-a has more than 4096 bytes"],
])("%j is refused, with the header and the remedy", (text, problem) => {
  expect(read({ "x-a": text.slice(0, 20_000) }, attribute("string"))).toBe(problem);
});

test("the names of attributes are no members of objects", () => {
  expect(Object.keys(readContext(() => "x", [attribute("string", { name: "__proto__" })]) as object)).toEqual([
    "ok",
    "context",
  ]);
  const result = readContext(() => "x", [attribute("string", { name: "__proto__" })]);
  expect(result.ok && Object.entries(result.context)).toEqual([["__proto__", "x"]]);
});
