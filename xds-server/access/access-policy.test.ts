import { describe, expect, test } from "vitest";
import { parseAccessPolicy } from "./access-policy.ts";

const policy = parseAccessPolicy(
  `
- identity: spiffe://example.org/edge
  namespaces: [a, b]
- identity: spiffe://example.org/ops/*
  namespaces: "*"
- identity: "*.edge.example.org"
  namespaces: [c]
- identity: host.example.org
  namespaces: [d]
`,
  "who.yaml",
);
const allowed = (...identities: string[]) => {
  const found = policy.allowedFor(identities);
  return found instanceof Set ? [...found].sort() : found;
};

describe("who may read what", () => {
  test.each([
    ["spiffe://example.org/edge", ["a", "b"]],
    ["spiffe://example.org/edge/more", undefined],
    ["spiffe://other.org/edge", undefined],
    ["spiffe://example.org/ops/one", "all"],
    ["spiffe://example.org/ops/one/two", "all"],
    ["spiffe://example.org/ops", undefined],
    ["spiffe://example.org/opsless", undefined],
    ["one.edge.example.org", ["c"]],
    ["one.two.edge.example.org", undefined],
    ["edge.example.org", undefined],
    ["host.example.org", ["d"]],
    ["ghost.example.org", undefined],
  ])("%s may read %j", (identity, namespaces) => {
    expect(allowed(identity)).toEqual(namespaces);
  });

  test("is what all identities of a certificate may read together", () => {
    expect(allowed("spiffe://example.org/edge", "host.example.org", "nobody")).toEqual(["a", "b", "d"]);
    expect(allowed("spiffe://example.org/edge", "spiffe://example.org/ops/one")).toBe("all");
    expect(allowed()).toBeUndefined();
  });
});

describe("a wrong file", () => {
  test.each([
    ["", "who.yaml: holds no rule"],
    ["- identity: Not One\n  namespaces: [a]", "who.yaml:1: identity must be a SPIFFE id"],
    ["- identity: spiffe://*/a\n  namespaces: [a]", "who.yaml:1: identity must be a SPIFFE id"],
    ["- identity: a\n  namespaces: []", "who.yaml:2: namespaces must"],
    ["- identity: a\n  namespaces: team", 'who.yaml:2: namespaces must be a list of namespaces, or "*"'],
    ["- identity: a\n  namespace: [b]", "who.yaml:1: "],
    ["- identity: a\n  identity: b\n  namespaces: [c]", "who.yaml:2: "],
    ["identity: [", "who.yaml:1: "],
  ])("%j is refused with the place", (text, message) => {
    expect(() => parseAccessPolicy(text, "who.yaml")).toThrow(message);
  });

  test("is told of every problem at once", () => {
    expect(() => parseAccessPolicy("- identity: A B\n  namespaces: [a]\n- identity: a\n  namespaces: 7", "f")).toThrow(
      /f:1: .*\nf:4: /s,
    );
  });
});
