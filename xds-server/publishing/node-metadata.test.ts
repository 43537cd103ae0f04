import { describe, expect, test } from "vitest";
import type { Node } from "../protocol/node.ts";
import { readNode, rolloutGroupOf } from "./node-metadata.ts";
import { groupName } from "./view-selector.ts";

function node(metadata: Record<string, unknown>, more: Partial<Node> = {}): Node {
  return {
    ...{ id: "edge-1", cluster: "edge", userAgentName: "envoy", metadata },
    ...{ locality: { region: "", zone: "", subZone: "" } },
    ...more,
  };
}

function groupOf(given: Node): string {
  const asked = readNode(given);
  if (!asked.ok) throw new Error(asked.problems.join("\n"));
  return groupName(asked.selector);
}

describe("a node", () => {
  test("without metadata is served everything", () => {
    expect(groupOf(node({}))).toBe("envoys");
    expect(groupOf(node({ "some.other/key": 7 }))).toBe("envoys");
  });

  test("with a long list has a group whose name is short, and still its own", () => {
    const namespaces = Array.from({ length: 200 }, (_, n) => `namespace-${n}`);
    const [one, other] = [namespaces, namespaces.with(199, "another")].map((list) =>
      groupOf(node({ "signalbox.dev/namespaces": list })),
    );
    expect([one?.length, other?.length]).toEqual([200, 200]);
    expect(one).not.toBe(other);
    expect(groupOf(node({ "signalbox.dev/namespaces": namespaces.toReversed() }))).toBe(one);
  });

  test("that is a gRPC library is in a group of its own", () => {
    expect(groupOf(node({}, { userAgentName: "gRPC C-core" }))).toBe("grpc-clients");
  });

  test.each([
    [{ "signalbox.dev/namespaces": ["b", "a", "b"] }, "envoys namespaces=a,b"],
    [{ "signalbox.dev/namespaces": "b, a" }, "envoys namespaces=a,b"],
    [{ "signalbox.dev/labels": { tier: "gold" } }, "envoys tier=gold"],
    [{ "signalbox.dev/labels": { tier: ["silver", "gold"], a: "1" } }, "envoys a=1 tier=gold|silver"],
  ])("with %j is in the group %s", (metadata, group) => {
    expect(groupOf(node(metadata))).toBe(group);
  });

  test("says by which group pins and rollouts name it", () => {
    const asked = node({ "signalbox.dev/group": "canary" });
    expect(groupOf(asked)).toBe("envoys group=canary");
    expect([rolloutGroupOf(asked), rolloutGroupOf(node({}))]).toEqual(["canary", undefined]);
  });

  test("in a region is served by region", () => {
    expect(groupOf(node({}, { locality: { region: "eu-west-1", zone: "a", subZone: "" } }))).toBe(
      "envoys region=eu-west-1",
    );
  });

  test.each([
    [
      { "signalbox.dev/namespaces": [] },
      /a list of 1 to 256 namespaces such as \[team-a, team-b\]; found an empty list/,
    ],
    [{ "signalbox.dev/group": "Canary" }, /the name of a group such as canary, .*; found the string "Canary"/],
    [{ "signalbox.dev/namespaces": 7 }, /found the number 7/],
    [{ "signalbox.dev/namespaces": ["a", "Not A Name"] }, /found the string "Not A Name"/],
    [{ "signalbox.dev/namespaces": null }, /found null/],
    [
      { "signalbox.dev/namespace": ["a"] },
      /"signalbox.dev\/namespace" is not known; did you mean "signalbox.dev\/namespaces"\?/,
    ],
    [{ "signalbox.dev/labels": "gold" }, /must map at most 16 labels to a value/],
    [{ "signalbox.dev/labels": { tier: [] } }, /at "tier" must map/],
    [{ "signalbox.dev/labels": { tier: "a b" } }, /at "tier(\.0)?" must map/],
    [
      { "signalbox.dev/labels": Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`l${n}`, "v"])) },
      /at most 16 labels/,
    ],
  ])("with %j is told what is wrong", (metadata, message) => {
    const asked = readNode(node(metadata));
    expect(asked.ok ? [] : asked.problems).toEqual([expect.stringMatching(message)]);
  });

  test("is told of everything that is wrong at once", () => {
    const asked = readNode(
      node(
        { "signalbox.dev/namespaces": 7, "signalbox.dev/x": 1 },
        { locality: { region: "a b", zone: "", subZone: "" } },
      ),
    );
    expect(asked.ok ? [] : asked.problems).toHaveLength(3);
  });
});
