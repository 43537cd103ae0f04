import { create, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { DeltaDiscoveryRequestSchema } from "../../proto/gen/envoy/service/discovery/v3/discovery_pb.js";
import { openGate } from "./arbitrary-gates.ts";
import { DeltaSubscription } from "./delta.ts";
import { decodeDeltaRequest } from "./delta-request.ts";
import { createSnapshotStore } from "./snapshot.ts";
import { SotwSubscription } from "./sotw.ts";
import type { Response } from "./subscription.ts";
import { typeUrls } from "./type-urls.ts";
import { completed } from "./wire.ts";

const { runtime, cluster } = typeUrls;

/** A wildcard client or one of names that accepts everything, and a clock. */
function world(variant: "delta" | "sotw", typeUrl: string) {
  const store = createSnapshotStore();
  const change = (name: string, content: string | null, ttlMs?: number) => {
    const resource =
      content === null ? null : { bytes: Buffer.from(content), ...(ttlMs === undefined ? {} : { ttlMs }) };
    store.apply("g", [{ typeUrl, name, resource }]);
  };
  const view = () => {
    const group = store.view("g");
    if (!group) throw new Error("the group exists from the first change on");
    return group.type(typeUrl);
  };
  const clock = { now: 1_000_000 };
  const now = () => clock.now;
  const delta = new DeltaSubscription(typeUrl, now);
  const sotw = new SotwSubscription({ typeUrl, now, answerMissing: () => undefined, takesLifetimes: true });
  const subscription = variant === "delta" ? delta : sotw;
  let nonces = 0;
  const common = { node: undefined, typeUrl, error: undefined };
  let listed: readonly string[] = [];
  const request = (responseNonce: string, subscribe: readonly string[]) => {
    const initialVersions = new Map<string, string>();
    delta.request({ ...common, responseNonce, subscribe, unsubscribe: [], initialVersions }, view());
    sotw.request({ ...common, responseNonce, versionInfo: "", resourceNames: listed }, view());
  };
  const next = () => subscription.next(view(), openGate, () => String(++nonces));
  const accept = () => {
    const response = next();
    if (response) request(response.nonce, []);
    return response;
  };
  const start = (...names: string[]) => {
    listed = names;
    request("", names);
    while (accept());
  };
  return { change, clock, next, accept, start, subscription, request };
}

const told = (response: Response | undefined) => ({
  resources: response?.resources.map(({ name }) => name) ?? [],
  heartbeats: response?.heartbeats?.map(({ name }) => name) ?? [],
});

describe.each(["delta", "sotw"] as const)("a %s client of resources with a time to live", (variant) => {
  const beat = (...names: string[]) =>
    variant === "delta" ? { resources: [], heartbeats: names } : { resources: names, heartbeats: [] };

  it("hears of each again before half of its time is over; an incremental one without the content", () => {
    const { change, clock, accept, start, subscription } = world(variant, runtime);
    change("short", "1", 1000);
    change("long", "1", 60_000);
    change("for-ever", "1");
    start("short", "long", "for-ever");
    expect(accept()).toBeUndefined();
    const beats: number[] = [];
    for (let elapsed = 0; elapsed < 10_000; elapsed = (subscription.wakeAt() ?? 0) - 1_000_000) {
      clock.now = 1_000_000 + elapsed;
      const response = accept();
      if (!response) continue;
      expect(told(response)).toEqual(beat("short"));
      beats.push(elapsed);
    }
    expect(beats.length).toBeGreaterThan(20);
    for (const [index, at] of beats.entries()) expect(at - (beats[index - 1] ?? 0)).toBeLessThan(500);
  });

  it("is given the content again when the heartbeat comes too late", () => {
    const { change, clock, accept, start } = world(variant, runtime);
    change("a", "1", 1000);
    start("a");
    clock.now += 1000;
    expect(told(accept())).toEqual({ resources: ["a"], heartbeats: [] });
    clock.now += 400;
    expect(told(accept())).toEqual(beat("a"));
  });

  it("hears no more of what is gone, unsubscribed, or for ever from now on", () => {
    const { change, clock, accept, start, subscription } = world(variant, runtime);
    change("a", "1", 1000);
    change("b", "1", 1000);
    start("a", "b");
    change("a", "1");
    change("b", null);
    while (accept());
    clock.now += 10_000;
    expect(accept()).toBeUndefined();
    expect(subscription.wakeAt()).toBeUndefined();
  });

  it("is sent a new content once, though only the time to live is new", () => {
    const { change, accept, start } = world(variant, runtime);
    change("a", "1");
    start("a");
    change("a", "1", 1000);
    expect(told(accept())).toEqual({ resources: ["a"], heartbeats: [] });
  });
});

describe("heartbeats", () => {
  it("go to a delta client that withholds its ACK while clusters warm", () => {
    const { change, clock, next, request } = world("delta", cluster);
    change("a", "1", 1000);
    request("", []);
    expect(told(next())).toEqual({ resources: ["a"], heartbeats: [] });
    for (let round = 0; round < 5; round++) {
      clock.now += 400;
      expect(told(next())).toEqual({ resources: [], heartbeats: ["a"] });
    }
  });

  it("are the whole state where absence deletes", () => {
    const { change, clock, accept, start } = world("sotw", cluster);
    change("a", "1", 1000);
    change("b", "1");
    start();
    clock.now += 400;
    expect(told(accept())).toEqual({ resources: ["a", "b"], heartbeats: [] });
  });

  it("need a time to live above 0", () => {
    const { change } = world("delta", cluster);
    expect(() => change("a", "1", 0)).toThrow('resource "a": ttlMs is 0');
  });
});

describe.each([
  { typeUrl: runtime, subscribe: ["layer"] },
  { typeUrl: cluster, subscribe: [] },
])("a client that comes back with a resource with a time to live ($typeUrl)", ({ typeUrl, subscribe }) => {
  it("is sent it once more, and heartbeats from then on", () => {
    const clock = { now: 1_000_000 };
    const store = createSnapshotStore();
    store.apply("g", [{ typeUrl, name: "layer", resource: { bytes: Buffer.from("1"), ttlMs: 1000 } }]);
    const view = store.view("g")?.type(typeUrl);
    if (!view) throw new Error("the group exists from the first change on");
    const version = view.get("layer")?.version ?? "";
    const subscription = new DeltaSubscription(typeUrl, () => clock.now);
    let nonces = 0;
    const next = () => subscription.next(view, openGate, () => String(++nonces));
    const message = create(DeltaDiscoveryRequestSchema, {
      typeUrl,
      resourceNamesSubscribe: subscribe,
      initialResourceVersions: { layer: version },
    });
    subscription.request(completed(decodeDeltaRequest(toBinary(DeltaDiscoveryRequestSchema, message))), view);
    expect(told(next())).toEqual({ resources: ["layer"], heartbeats: [] });
    clock.now += 400;
    expect(told(next())).toEqual({ resources: [], heartbeats: ["layer"] });
  });
});
