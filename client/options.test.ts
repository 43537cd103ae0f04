import { expect, test } from "vitest";
import { SignalboxClientError } from "./client-error.ts";
import { checkOptions } from "./options.ts";

function problemsOf(options: object): readonly string[] {
  try {
    checkOptions(options);
  } catch (error) {
    if (error instanceof SignalboxClientError) return error.problems.map(({ path, message }) => `${path} ${message}`);
    throw error;
  }
  return [];
}

test("one of nats and resolverUrl is needed, not both", () => {
  expect(problemsOf({})).toEqual([expect.stringContaining("exactly one of nats")]);
  expect(problemsOf({ nats: "nats://a", resolverUrl: "http://a", snapshotFolder: "x" })).toHaveLength(1);
  expect(problemsOf({ resolverUrl: ["http://a:7070", "grpc://b:7071"] })).toEqual([]);
  expect(problemsOf({ nats: { servers: ["nats://a"] }, snapshotFolder: "x" })).toEqual([]);
});

test("local mode needs a folder for its snapshot", () => {
  expect(problemsOf({ nats: "nats://a" })).toEqual([expect.stringContaining("snapshotFolder is needed with nats")]);
});

test("everything that is wrong is told at once, with its place and what is allowed", () => {
  const bad = { resolverUrl: "localhost:7070", timeoutMs: 0, client: "a b", trafficClass: "fake", resolverUrls: [] };
  const problems = problemsOf(bad).join("\n");
  expect(problems).toMatch(/resolverUrl .*http:\/\/127.0.0.1:7070/);
  expect(problems).toMatch(/timeoutMs .*at least 1/);
  expect(problems).toMatch(/client must be 1 to 63/);
  expect(problems).toMatch(/trafficClass .*synthetic/);
  expect(problems).toMatch(/resolverUrls/);
});

const local = { nats: "nats://a", snapshotFolder: "x" };

test("an experiment platform is a URL, a function, or one of them with its limits", () => {
  const limits = { timeoutMs: 20, ttlMs: 60_000, maxUnits: 100_000 };
  const source = async () => [];
  expect(checkOptions({ ...local, cells: "https://lab/cells" }).cells).toEqual({
    source: "https://lab/cells",
    ...limits,
  });
  expect(checkOptions({ ...local, cells: source }).cells).toEqual({ source, ...limits });
  expect(checkOptions({ ...local, cells: { source, timeoutMs: 5 } }).cells).toEqual({
    source,
    ...limits,
    timeoutMs: 5,
  });
  expect(checkOptions(local).cells).toBeUndefined();
});

test.each<[string, unknown, RegExp]>([
  ["no URL", "lab:8080", /^cells.source must be a URL such as http:\/\/127.0.0.1:8080\/cells, or a function/],
  ["a list", ["http://lab"], /^cells must be an object, found a list/],
  ["no source", { timeoutMs: 5 }, /^cells.source must be a URL/],
  ["a limit that is none", { source: "http://lab", timeoutMs: 0 }, /^cells.timeoutMs must be at least 1, found 0/],
  ["a misspelt limit", { source: "http://lab", timeoutMS: 5 }, /^cells.timeoutMS .*did you mean "timeoutMs"/],
])("an experiment platform that is %s is refused with its place", (_, cells, problem) => {
  expect(problemsOf({ ...local, cells })).toEqual([expect.stringMatching(problem)]);
});

test("an experiment platform is for local mode: resolvers ask theirs", () => {
  expect(problemsOf({ resolverUrl: "http://a", cells: "http://lab" })).toEqual([
    expect.stringMatching(/^cells is for nats .*RESOLVER_CELLS_URL/),
  ]);
});
