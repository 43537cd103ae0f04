import { describe, expect, test } from "vitest";
import { SignalboxError } from "../service/errors.ts";
import { parseRequest, requestLimits } from "./request.ts";

function problemsOf(input: unknown): Record<string, string> {
  try {
    parseRequest(input);
  } catch (error) {
    expect(error).toBeInstanceOf(SignalboxError);
    expect(error).toMatchObject({ code: "invalid_request" });
    return Object.fromEntries((error as SignalboxError).problems.map(({ path, message }) => [path, message]));
  }
  throw new Error("it was accepted");
}

describe("a request", () => {
  test("for one objective has the default namespace and an empty context", () => {
    expect(parseRequest({ objective: "ranking" })).toEqual({
      namespace: "default",
      objectives: ["ranking"],
      single: true,
      context: {},
    });
  });

  test("keeps the order of several objectives", () => {
    const request = parseRequest({ namespace: "team-b", objectives: ["b", "a"] });
    expect(request).toMatchObject({ namespace: "team-b", objectives: ["b", "a"], single: false });
  });

  test("keeps attributes of every type, and drops those that are null", () => {
    const context = { userId: "42", age: 7, tv: true, tags: ["a", 1], gone: null };
    expect(parseRequest({ objective: "a", context }).context).toEqual({
      userId: "42",
      age: 7,
      tv: true,
      tags: ["a", 1],
    });
  });

  test("keeps traffic class, client and override", () => {
    const fields = { trafficClass: "test", client: "web-1", override: { model: "ranker", version: "8" } } as const;
    expect(parseRequest({ objective: "a", ...fields })).toMatchObject(fields);
  });
});

describe("a request is refused", () => {
  test.each([[null], ["text"], [7], [[]], [undefined]])("when it is %j instead of an object", (input) => {
    expect(Object.values(problemsOf(input)).join()).toMatch(/must be an object|is missing|exactly one/);
  });

  test("with neither or both of objective and objectives", () => {
    expect(problemsOf({})).toEqual({ "": "must have exactly one of objective and objectives" });
    expect(problemsOf({ objective: "a", objectives: ["a"] })).toHaveProperty([""]);
  });

  test("with every problem at once, each with its path", () => {
    const problems = problemsOf({
      namespace: "Team B",
      objective: 7,
      context: { ok: 1, nested: { a: 1 }, "bad name": "x" },
      override: {},
      trafficClass: "rael",
      client: "a b",
      overide: 1,
    });
    expect(Object.keys(problems).sort()).toEqual(
      [
        "client",
        "context.bad name",
        "context.nested",
        "namespace",
        "objective",
        "override.version",
        "overide",
        "trafficClass",
      ].sort(),
    );
    expect(problems.overide).toContain('did you mean "override"?');
    expect(problems.trafficClass).toContain('"real"');
  });

  test("with more attributes than a context may have", () => {
    const context = Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`a${n}`, n]));
    expect(problemsOf({ objective: "a", context }).context).toContain("10000 attributes, at most 256");
  });

  test("with more objectives than a call may have, none, or one twice", () => {
    const many = Array.from({ length: requestLimits.objectives + 1 }, (_, n) => `o-${n}`);
    expect(problemsOf({ objectives: many }).objectives).toContain("at most 100");
    expect(problemsOf({ objectives: [] }).objectives).toContain("at least 1");
    expect(problemsOf({ objectives: ["a", "b", "a"] }).objectives).toContain("once");
  });

  test("with an override that does not say which of several objectives, or names another", () => {
    const override = { version: "8" };
    expect(problemsOf({ objectives: ["a", "b"], override })).toHaveProperty(["override.objective"]);
    expect(problemsOf({ objective: "a", override: { objective: "b", version: "8" } })).toHaveProperty([
      "override.objective",
    ]);
    expect(parseRequest({ objectives: ["a"], override }).override).toEqual(override);
  });

  test("with at most a hundred problems, and says how many more there are", () => {
    const context = Object.fromEntries(Array.from({ length: 256 }, (_, n) => [`a${n}`, {}]));
    const error = (() => {
      try {
        return parseRequest({ objective: "a", context });
      } catch (thrown) {
        return thrown as SignalboxError;
      }
    })() as SignalboxError;
    expect(error.problems).toHaveLength(requestLimits.problems);
    expect(error.message).toContain("and 246 more");
  });
});

describe("keys that mean something to JavaScript", () => {
  test("are no attributes of an empty context, and pollute nothing", () => {
    const request = parseRequest(
      JSON.parse('{"objective":"a","context":{"__proto__":"x","constructor":"y","userId":"1"}}'),
    );
    expect(request.context.userId).toBe("1");
    expect(Object.getPrototypeOf(request.context)).toBeNull();
    expect(({} as Record<string, unknown>).x).toBeUndefined();
    expect(parseRequest({ objective: "a" }).context.constructor).toBeUndefined();
  });

  test("are unknown fields at the top and in the override", () => {
    const input = JSON.parse(
      '{"objective":"a","__proto__":{"single":false},"constructor":1,"override":{"version":"1","__proto__":{}}}',
    );
    expect(Object.keys(problemsOf(input)).sort()).toEqual(["__proto__", "constructor", "override.__proto__"]);
  });

  test("are refused as objects in a context", () => {
    const input = JSON.parse('{"objective":"a","context":{"__proto__":{"admin":true}}}');
    expect(problemsOf(input)).toHaveProperty(["context.__proto__"]);
    expect(({} as Record<string, unknown>).admin).toBeUndefined();
  });
});
