import { describe, expect, test, vi } from "vitest";
import type { LiveDocuments } from "../../config/live-documents.ts";
import { emptyLiveDocuments } from "../../config/settle.ts";
import { createSnapshotStore } from "../protocol/snapshot.ts";
import { typeUrls } from "../protocol/type-urls.ts";
import { commonResources } from "../resources/build.ts";
import { model, objective, publish, shard } from "../testing/live-documents.ts";
import { audiences } from "./audiences.ts";
import { type Published, publishDocuments } from "./publisher.ts";
import { createResourceChanges } from "./resource-changes.ts";
import { createViews } from "./views.ts";

const common = commonResources({ address: "127.0.0.1", port: 10_000, accessLog: "off" });

/** Documents that a test sets, and a publisher over them. */
function setUp() {
  const listeners = new Set<(live: LiveDocuments) => void>();
  const started = Promise.withResolvers<void>();
  const stopping = new AbortController();
  const store = createSnapshotStore();
  const published: Published[] = [];
  const unchanged: number[] = [];
  const dueListeners = new Set<() => void>();
  let live = emptyLiveDocuments;
  const ended = publishDocuments({
    documents: {
      current: () => live,
      subscribe: (listener) => {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
      started: started.promise,
    },
    changes: createResourceChanges({ validate: () => [], now: () => new Date(0) }),
    views: createViews({ store, audiences: audiences(common) }),
    due: {
      subscribe: (listener) => {
        dueListeners.add(listener);
        return () => void dueListeners.delete(listener);
      },
    },
    onPublished: (commit) => published.push(commit),
    onUnchanged: (commit) => unchanged.push(commit),
    signal: stopping.signal,
  });
  const idle = () => new Promise<void>((resolve) => setTimeout(resolve, 20));
  const set = (next: LiveDocuments) => {
    live = next;
    for (const listener of listeners) listener(next);
  };
  const stop = async () => {
    stopping.abort();
    await ended;
  };
  const lookAgain = () => {
    for (const listener of dueListeners) listener();
  };
  return { store, published, unchanged, started, set, lookAgain, idle, stop, listeners };
}

const documents = publish([shard("gpu-a"), model("ranker", { "7": ["gpu-a"] }), objective("ranking", "ranker", "7")]);

describe("the publisher", () => {
  test("gives listeners of objectives to gRPC clients only, and Envoy's to Envoys only", async () => {
    const { store, published, started, set, stop } = setUp();
    const grpc = { protocol: "grpc", endpoints: [{ address: "10.0.0.9", port: 1 }] };
    set(publish([["Shard", "pool", grpc], model("ranker", { "7": ["pool"] }), objective("ranking", "ranker", "7")]));
    started.resolve();
    await vi.waitFor(() => expect(published).toHaveLength(1), 5000);
    const names = (group: string, typeUrl: string) =>
      [...(store.view(group)?.type(typeUrl).all() ?? [])].map(({ name }) => name);
    expect(names("grpc-clients", typeUrls.listener)).toEqual(["ranking.default"]);
    expect(names("envoys", typeUrls.listener)).not.toContain("ranking.default");
    expect(names("grpc-clients", typeUrls.cluster)).toEqual(["default/pool"]);
    expect(names("grpc-clients", typeUrls.route)).toEqual([]);
    const bytesIn = (group: string) => store.view(group)?.type(typeUrls.cluster).get("default/pool")?.delta;
    expect(bytesIn("grpc-clients")).toBe(bytesIn("envoys"));
    await stop();
  });

  test("serves nothing before the documents are there, so that no Envoy is told to forget everything", async () => {
    const { store, started, set, idle, stop } = setUp();
    await idle();
    expect(store.view("envoys")).toBeUndefined();
    set(documents);
    started.resolve();
    await idle();
    expect(store.view("envoys")?.type(typeUrls.route).get("default/ranking")).toBeDefined();
    expect(store.view("envoys")?.type(typeUrls.listener).get("keyed")).toBeDefined();
    await stop();
  });

  test("makes one commit of each state of the documents, with its revision", async () => {
    const { published, started, set, idle, stop, store } = setUp();
    set(documents);
    started.resolve();
    await idle();
    const next = publish([objective("ranking", "ranker", "7", { policy: { retries: 0 } })], documents);
    set(next);
    await idle();
    expect(published.map(({ revision }) => revision)).toEqual([3, 4]);
    const view = store.view("envoys");
    expect(view?.revisionAt(view.sequence)).toBe(4);
    await stop();
  });

  test("makes no commit when it looks again at what waits and finds nothing new", async () => {
    const { published, unchanged, started, set, lookAgain, idle, stop } = setUp();
    set(documents);
    started.resolve();
    await idle();
    lookAgain();
    await idle();
    expect(published).toHaveLength(1);
    expect(unchanged).toEqual([published[0]?.commit]);
    await stop();
  });

  test("skips states that are out of date by the time it gets to them", async () => {
    const { published, started, set, idle, stop } = setUp();
    set(documents);
    started.resolve();
    await idle();
    let live = documents;
    for (let retries = 0; retries < 5; retries++) {
      live = publish([objective("ranking", "ranker", "7", { policy: { retries } })], live);
      set(live);
    }
    await idle();
    expect(published.at(-1)?.revision).toBe(live.revision);
    expect(published.length).toBeLessThan(6);
    await stop();
  });

  test("stops listening when it is stopped", async () => {
    const { stop, listeners } = setUp();
    expect(listeners.size).toBe(1);
    await stop();
    expect(listeners.size).toBe(0);
  });
});
