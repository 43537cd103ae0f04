import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Shard, shardSchema } from "../../config/documents/shard.ts";
import { createShardReadiness } from "./shard-readiness.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function spec(...ports: readonly number[]): Shard["spec"] {
  return shardSchema.parse({
    apiVersion: "signalbox.dev/v1",
    kind: "Shard",
    metadata: { name: "s" },
    spec: { endpoints: ports.map((port) => ({ address: "127.0.0.1", port })) },
  }).spec;
}

function readiness(bad: Set<number>) {
  const changes: string[] = [];
  let probes = 0;
  const made = createShardReadiness({
    probe: async ({ port }) => {
      probes++;
      return bad.has(port) ? "refuses" : null;
    },
    onChange: (name) => changes.push(name),
    now: () => Date.now(),
  });
  return { ...made, changes, probes: () => probes };
}

test("a shard is not ready before it was asked, and then what was found is told", async () => {
  const { of, changes } = readiness(new Set());
  expect(of("a", spec(1))).toMatchObject({ some: false, all: false });
  await vi.advanceTimersByTimeAsync(1);
  expect(changes).toEqual(["a"]);
  expect(of("a", spec(1))).toMatchObject({ some: true, all: true });
});

test("a shard that is not ready is asked again until it is, with the reason meanwhile", async () => {
  const bad = new Set([1]);
  const { of, changes } = readiness(bad);
  of("a", spec(1));
  await vi.advanceTimersByTimeAsync(1000);
  expect(of("a", spec(1))).toEqual({ some: false, all: false, reason: "127.0.0.1:1 refuses" });
  expect(changes).toEqual(["a"]);
  bad.clear();
  await vi.advanceTimersByTimeAsync(300);
  expect(changes).toEqual(["a", "a"]);
  expect(of("a", spec(1)).all).toBe(true);
});

test("some hosts are enough, and it is told that not all are ready", async () => {
  const { of } = readiness(new Set([2]));
  of("a", spec(1, 2));
  await vi.advanceTimersByTimeAsync(1);
  expect(of("a", spec(1, 2))).toEqual({ some: true, all: false, reason: "127.0.0.1:2 refuses" });
});

test("what was found a while ago, or of other hosts, is no longer trusted", async () => {
  const { of } = readiness(new Set());
  of("a", spec(1));
  await vi.advanceTimersByTimeAsync(1);
  expect(of("a", spec(2)).some).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(of("a", spec(2)).some).toBe(true);
  await vi.advanceTimersByTimeAsync(2000);
  expect(of("a", spec(2)).some).toBe(false);
});

test("a shard that nobody waits for is asked no more", async () => {
  const { of, keepOnly, probes } = readiness(new Set([1]));
  of("a", spec(1));
  await vi.advanceTimersByTimeAsync(1);
  keepOnly(new Set());
  const before = probes();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(probes()).toBe(before);
});
