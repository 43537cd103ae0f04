import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createClusterAcceptance } from "./cluster-acceptance.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function acceptance() {
  const changes: string[] = [];
  const refused = new Map<string, string>();
  const state = { settled: 0 };
  const made = createClusterAcceptance({
    settled: () => state.settled,
    refusalOf: (cluster) => refused.get(cluster) ?? null,
    onChange: (cluster) => changes.push(cluster),
  });
  return { ...made, changes, refused, state };
}

test("requests may be sent to a new cluster once all Envoys have answered the commit that brought it", () => {
  const { added, published, obstacle, look, changes, state } = acceptance();
  added("a");
  expect(obstacle("a")).toBe("shard a is on the way to the Envoys");
  state.settled = 6;
  published(7);
  look();
  expect(changes).toEqual([]);
  state.settled = 7;
  look();
  expect(changes).toEqual(["a"]);
  expect(obstacle("a")).toBeNull();
});

test("none may be sent to one that an Envoy refuses, new or not, until it does no more", () => {
  const { added, published, obstacle, look, changes, refused, state } = acceptance();
  added("a");
  published(7);
  expect(obstacle("a")).not.toBeNull();
  state.settled = 7;
  refused.set("a", "Envoy e1 refuses it: no such file");
  look();
  expect(changes).toEqual(["a"]);
  expect(obstacle("a")).toBe("shard a: Envoy e1 refuses it: no such file");
  refused.clear();
  look();
  expect(changes).toEqual(["a", "a"]);
  expect(obstacle("a")).toBeNull();
});

test("an Envoy that is waited for in vain holds nobody up when it counts no more", () => {
  const { added, published, obstacle, changes, state } = acceptance();
  added("a");
  published(7);
  obstacle("a");
  state.settled = 8;
  vi.advanceTimersByTime(500);
  expect(changes).toEqual(["a"]);
});

test("of a cluster that nobody waits for, nobody hears", () => {
  const { added, published, obstacle, keepOnly, look, changes, state } = acceptance();
  added("a");
  published(7);
  obstacle("a");
  keepOnly(new Set());
  state.settled = 7;
  look();
  expect(changes).toEqual([]);
});
