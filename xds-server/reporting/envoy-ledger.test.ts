import { expect, test } from "vitest";
import { createEnvoyLedger } from "./envoy-ledger.ts";

function ledger(isElsewhere?: (nodeId: string, sinceMs: number) => boolean) {
  let nowMs = 0;
  const made = createEnvoyLedger({ ttlMs: 10_000, now: () => nowMs, ...(isElsewhere ? { isElsewhere } : {}) });
  const counting = () => made.known().flatMap(({ nodeId, counts, settled }) => (counts ? [[nodeId, settled]] : []));
  return {
    ...made,
    counting,
    pass: (durationMs: number) => {
      nowMs += durationMs;
    },
  };
}

const envoy = (nodeId: string, settled?: number) => ({ nodeId, settled });

test("an Envoy that connects catches up before it counts", () => {
  const { observe, counting } = ledger();
  observe([envoy("e1")], 5);
  expect(counting()).toEqual([]);
  observe([envoy("e1", 4)], 6);
  expect(counting()).toEqual([]);
  observe([envoy("e1", 5)], 6);
  expect(counting()).toEqual([["e1", 5]]);
});

test("an Envoy that vanished counts for its time to live as it was, and no longer", () => {
  const { observe, counting, pass } = ledger();
  observe([envoy("e1", 5)], 5);
  observe([], 7);
  pass(9_999);
  observe([], 7);
  expect(counting()).toEqual([["e1", 5]]);
  pass(1);
  observe([], 7);
  expect(counting()).toEqual([]);
});

test("an Envoy that vanished counts no more once another xds-server has waited for it after that", () => {
  const asked: number[] = [];
  let saidAtMs = 500;
  const { observe, counting, pass } = ledger((_nodeId, sinceMs) => {
    asked.push(sinceMs);
    return saidAtMs > sinceMs;
  });
  observe([envoy("e1", 5)], 5);
  expect(asked).toEqual([]);
  pass(100);
  observe([], 7);
  // Said before it went, as far as anybody knows.
  expect(counting()).toEqual([["e1", 5]]);
  saidAtMs = 1101;
  observe([], 7);
  expect(counting()).toEqual([]);
  expect(asked).toEqual([1100, 1100]);
});

test("an Envoy from which routes were awaited when it vanished is waited for as long as it may come back", () => {
  const { observe, counting, awaitRoutes, answeredRoutes, pass } = ledger(() => true);
  observe([envoy("e1", 5), envoy("e2", 5)], 5);
  awaitRoutes("default/a");
  answeredRoutes("e2", ["default/a"]);
  observe([], 6);
  // It may get those routes from the other one alone.
  awaitRoutes("default/b");
  observe([], 7);
  expect(counting()).toEqual([["e1", 5]]);
  pass(10_000);
  observe([], 7);
  expect(counting()).toEqual([]);
});

test("an Envoy that reconnects has what it had", () => {
  const { observe, counting } = ledger();
  observe([envoy("e1", 5)], 5);
  observe([], 7);
  observe([envoy("e1")], 7);
  expect(counting()).toEqual([["e1", 5]]);
  observe([envoy("e1", 7)], 7);
  expect(counting()).toEqual([["e1", 7]]);
});

test("an Envoy that is connected but answers nothing counts no more, until it has caught up", () => {
  const { observe, counting, pass } = ledger();
  observe([envoy("e1", 5)], 5);
  observe([envoy("e1", 5)], 6);
  pass(9_000);
  observe([envoy("e1", 5)], 8);
  expect(counting()).toEqual([["e1", 5]]);
  pass(1_000);
  observe([envoy("e1", 5)], 8);
  expect(counting()).toEqual([]);
  observe([envoy("e1", 7)], 9);
  expect(counting()).toEqual([]);
  observe([envoy("e1", 8)], 9);
  expect(counting()).toEqual([["e1", 8]]);
});

test("an Envoy that is slow but goes on counts", () => {
  const { observe, counting, pass } = ledger();
  observe([envoy("e1", 5)], 5);
  for (let commit = 6; commit < 20; commit++) {
    observe([envoy("e1", commit - 1)], commit + 1);
    pass(9_000);
  }
  expect(counting()).toHaveLength(1);
});

test("the first routes of an objective are awaited from every Envoy that is there", () => {
  const { observe, awaitRoutes, answeredRoutes, forgetRoutes, known } = ledger();
  observe([envoy("e1", 5), envoy("e2", 5)], 5);
  awaitRoutes("default/a");
  awaitRoutes("default/b");
  answeredRoutes("e1", ["default/a"]);
  forgetRoutes("default/b");
  expect(known().map(({ awaited }) => [...awaited])).toEqual([[], ["default/a"]]);
});
