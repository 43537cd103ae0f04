import { describe, expect, it } from "vitest";
import { openGate } from "./arbitrary-gates.ts";
import { DeltaSubscription } from "./delta.ts";
import { createSnapshotStore } from "./snapshot.ts";
import { SotwSubscription } from "./sotw.ts";
import { TooFarBehindError } from "./subscription.ts";
import { typeUrls } from "./type-urls.ts";

const typeUrl = typeUrls.cluster;
const common = { node: undefined, typeUrl, error: undefined };

/** A store with A to D, of which nothing is remembered but the latest removal. */
function storeOf() {
  const store = createSnapshotStore({ maxRemembered: 1 });
  const change = (name: string, content: string | null) => {
    const resource = content === null ? null : { bytes: Buffer.from(content) };
    store.apply("g", [{ typeUrl, name, resource }]);
  };
  const view = () => {
    const group = store.view("g");
    if (!group) throw new Error("the group exists from the first change on");
    return group.type(typeUrl);
  };
  for (const name of "ABCD") change(name, "1");
  return { change, store, view };
}

describe("a stream that is in the middle of a commit", () => {
  /** A commit that removes A, B and C and changes D, of which a subscription is sent one change at a time. */
  const started = (subscribe: readonly string[]) => {
    const { change, store, view } = storeOf();
    const sizes = { responseBytes: 1, wholeBytes: 1_000_000, stepsAtOnce: 1 };
    const subscription = new DeltaSubscription(typeUrl, () => 0, sizes);
    const request = { ...common, unsubscribe: [], initialVersions: new Map<string, string>() };
    subscription.request({ ...request, responseNonce: "", subscribe }, view());
    /** Removed so far, turn by turn, with all that is sent accepted. */
    const removed: string[] = [];
    const turn = () => {
      const response = subscription.next(view(), openGate, () => "1");
      if (response) subscription.request({ ...request, responseNonce: "1", subscribe: [] }, view());
      removed.push(...(response?.removed ?? []));
    };
    while (subscription.progress.settled < view().sequence) turn();
    const removal = (name: string) => ({ typeUrl, name, resource: null });
    store.apply("g", ["A", "B", "C"].map(removal));
    return { change, turn, removed, subscription };
  };

  it("goes on when only what it has passed is forgotten", () => {
    const { change, turn, removed } = started([]);
    for (let count = 0; count < 3; count++) turn();
    change("D", "3");
    for (let count = 0; count < 6; count++) turn();
    expect(removed).toEqual(["A", "B", "C"]);
  });

  it("has to reconnect as a wildcard when what lay ahead is forgotten", () => {
    const { change, turn } = started([]);
    turn();
    change("D", "3");
    expect(turn).toThrow(TooFarBehindError);
  });

  it("is told of each missing name that it subscribed to once more, and not again and again", () => {
    const { change, turn, removed, subscription } = started(["A", "B", "C", "D"]);
    turn();
    change("D", "3");
    for (let count = 0; count < 30; count++) turn();
    expect(removed.filter((name) => name === "B")).toEqual(["B"]);
    expect(removed.length).toBeLessThanOrEqual(4);
    expect(subscription.isUnfinished).toBe(false);
    expect(subscription.progress.settled).toBe(6);
  });
});

describe("a stream that lags behind what is remembered", () => {
  const delta = (subscribe: readonly string[]) => {
    const { change, view } = storeOf();
    const subscription = new DeltaSubscription(typeUrl, () => 0);
    const request = { ...common, unsubscribe: [], initialVersions: new Map<string, string>() };
    subscription.request({ ...request, responseNonce: "", subscribe }, view());
    const next = (nonce: string) => subscription.next(view(), openGate, () => nonce);
    next("1");
    for (const name of "ABC") change(name, null);
    change("D", "2");
    subscription.request({ ...request, responseNonce: "1", subscribe: [] }, view());
    return next;
  };

  it("has to reconnect when it is an incremental wildcard", () => {
    expect(() => delta([])("2")).toThrow(TooFarBehindError);
  });

  it("is told again of every missing name that it subscribed to", () => {
    const response = delta(["A", "B", "C", "D"])("2");
    expect(response?.resources.map((resource) => resource.name)).toEqual(["D"]);
    expect([...(response?.removed ?? [])].sort()).toEqual(["A", "B", "C"]);
  });

  it("is sent the whole state when its type is a state of the world", () => {
    const { change, view } = storeOf();
    const subscription = new SotwSubscription({
      typeUrl,
      now: () => 0,
      answerMissing: () => undefined,
      takesLifetimes: false,
    });
    const request = { ...common, versionInfo: "", resourceNames: [] };
    subscription.request({ ...request, responseNonce: "" }, view());
    expect(subscription.next(view(), openGate, () => "1")?.resources).toHaveLength(4);
    for (const name of "ABC") change(name, null);
    change("E", null);
    subscription.request({ ...request, responseNonce: "1" }, view());
    expect(subscription.next(view(), openGate, () => "2")?.resources.map((resource) => resource.name)).toEqual(["D"]);
  });
});
