import { describe, expect, test } from "vitest";
import { CommandError } from "./exit-codes.ts";
import { parseContextFlags } from "./parse-context.ts";

describe("the context of a command line", () => {
  test("reads numbers, booleans, lists and quoted strings as JSON, and the rest as text", () => {
    const flags = ["userId=user-1", "age=42", 'zip="01234"', "beta=true", 'tags=["a","b"]', "query=a=b", "empty="];
    expect(parseContextFlags(flags)).toEqual({
      userId: "user-1",
      age: 42,
      zip: "01234",
      beta: true,
      tags: ["a", "b"],
      query: "a=b",
      empty: "",
    });
  });

  test("takes what only looks like JSON as text", () => {
    expect(parseContextFlags(["version=1.2.3", "list=[a", "truth=trueish", "id=7e"])).toEqual({
      version: "1.2.3",
      list: "[a",
      truth: "trueish",
      id: "7e",
    });
  });

  test("refuses a flag without a key, with the remedy", () => {
    expect(() => parseContextFlags(["=x"])).toThrow(CommandError);
    expect(() => parseContextFlags(["country"])).toThrow("--context country: give key=value");
  });

  test("has no way to the prototype", () => {
    const context = parseContextFlags(["__proto__=x"]);
    expect(Object.keys(context)).toEqual(["__proto__"]);
    expect(Object.getPrototypeOf(context)).toBe(Object.prototype);
  });
});
