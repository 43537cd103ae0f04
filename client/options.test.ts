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
