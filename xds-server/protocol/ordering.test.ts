import { describe, expect, it } from "vitest";
import { HeldRemovals } from "./held-removals.ts";
import { createOrdering } from "./ordering.ts";
import type { Progress } from "./subscription.ts";
import { compareTypes, typeUrls } from "./type-urls.ts";

const { cluster, endpoint, listener, route, scopedRoute, runtime } = typeUrls;

type State = Partial<Progress> & { readonly held?: readonly number[] };

function orderingOf(
  states: Readonly<Record<string, State>>,
  now: () => number = () => 0,
  isBeginning: () => boolean = () => false,
) {
  const subscriptions = new Map(
    Object.entries(states).map(([typeUrl, { held = [], ...state }]) => {
      const progress = { sent: 0, settled: 0, acknowledged: 0, recentAcks: [], parked: new Map(), ...state };
      const removals = new HeldRemovals();
      for (const [index, sequence] of held.entries()) removals.hold(`removed-${index}`, sequence);
      return [typeUrl, { progress, earliestHeldRemoval: () => removals.earliest() }] as const;
    }),
  );
  return createOrdering(subscriptions, {
    removalGraceMs: 500,
    clusterAckTimeoutMs: 1000,
    now,
    isBeginning,
    openedAt: 0,
  });
}

describe("the order of types on one stream", () => {
  it("holds removals back while those of other types wait, however many", () => {
    const held = Array.from({ length: 200_000 }, (_, index) => index + 5);
    const ordering = orderingOf({ [cluster]: {}, [route]: { acknowledged: 9, held } });
    expect([4, 5].map((sequence) => ordering.gate(cluster, 9).canRemove(sequence))).toEqual([true, false]);
  });

  it("is clusters, endpoints, listeners, scopes, routes, then the rest, and the unknown last", () => {
    const shuffled = ["x/Unknown", runtime, route, listener, endpoint, scopedRoute, cluster];
    expect(shuffled.sort(compareTypes)).toEqual([
      cluster,
      endpoint,
      listener,
      scopedRoute,
      route,
      runtime,
      "x/Unknown",
    ]);
  });

  it("lets routes go as far as clusters were answered and endpoints sent", () => {
    const ordering = orderingOf({ [cluster]: { settled: 4 }, [endpoint]: { sent: 3 }, [route]: {} });
    expect(ordering.gate(route, 5).pushLimit).toBe(3);
    expect(ordering.gate(cluster, 5).pushLimit).toBe(Number.POSITIVE_INFINITY);
  });

  it("holds nothing up when the other types are not on the stream", () => {
    const gate = orderingOf({ [route]: {} }).gate(route, 5);
    expect(gate.pushLimit).toBe(Number.POSITIVE_INFINITY);
    expect(gate.canRemove(5)).toBe(true);
  });

  it("stops waiting for clusters after the timeout, counted from the last progress, but not for those not sent", () => {
    let now = 0;
    const clusters = { settled: 1, sent: 4 };
    const ordering = orderingOf({ [cluster]: clusters, [route]: {} }, () => now);
    expect(ordering.gate(route, 5).pushLimit).toBe(1);
    expect(ordering.wakeAt()).toBe(1000);
    now = 1000;
    expect(ordering.gate(route, 5).pushLimit).toBe(4);
  });

  it("removes a cluster when all routes acknowledged its removal's commit and the grace period has passed", () => {
    let now = 100;
    const recentAcks = [{ before: 4, at: 100 }];
    const ordering = orderingOf({ [cluster]: {}, [route]: { acknowledged: 5, recentAcks } }, () => now);
    expect(ordering.gate(cluster, 5).canRemove(6)).toBe(false);
    expect(ordering.gate(cluster, 5).canRemove(5)).toBe(false);
    expect(ordering.wakeAt()).toBe(600);
    now = 600;
    expect(ordering.gate(cluster, 5).canRemove(5)).toBe(true);
  });

  it("needs no grace period when no route changed with the removal", () => {
    const recentAcks = [{ before: 5, at: 0 }];
    const ordering = orderingOf({ [cluster]: {}, [route]: { acknowledged: 6, recentAcks } });
    expect(ordering.gate(cluster, 6).canRemove(5)).toBe(true);
  });

  it("removes nothing before the client's other types can be on the stream, but not for ever", () => {
    let now = 100;
    let isBeginning = true;
    const ordering = orderingOf(
      { [cluster]: {} },
      () => now,
      () => isBeginning,
    );
    expect(ordering.gate(cluster, 5).canRemove(5)).toBe(false);
    expect(ordering.wakeAt()).toBe(1000);
    isBeginning = false;
    expect(ordering.gate(cluster, 5).canRemove(5)).toBe(true);
    isBeginning = true;
    now = 1000;
    expect(ordering.gate(cluster, 5).canRemove(5)).toBe(true);
  });

  it("keeps endpoints while the removal of their cluster waits", () => {
    const waiting = orderingOf({ [cluster]: { acknowledged: 5, held: [5] }, [endpoint]: {} });
    expect(waiting.gate(endpoint, 5).canRemove(5)).toBe(false);
    const done = orderingOf({ [cluster]: { acknowledged: 5 }, [endpoint]: {} });
    expect(done.gate(endpoint, 5).canRemove(5)).toBe(true);
  });
});
