import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createSnapshotStore } from "../protocol/snapshot.ts";
import { typeUrls } from "../protocol/type-urls.ts";
import { commonResources } from "../resources/build.ts";
import { model, objective, publish, shard } from "../testing/live-documents.ts";
import { audiences } from "./audiences.ts";
import { createResourceChanges } from "./resource-changes.ts";
import { everything, type ViewSelector } from "./view-selector.ts";
import { createViews, maxGroups } from "./views.ts";

const lingerMs = 1000;
const start = [shard("gpu-a"), model("ranker", { "7": ["gpu-a"] }), objective("ranking", "ranker", "7")];

async function setUp() {
  const store = createSnapshotStore();
  const common = commonResources({ address: "127.0.0.1", port: 10_000, accessLog: "off" });
  const views = createViews({ store, audiences: audiences(common), lingerMs });
  const changes = createResourceChanges({ validate: () => [], now: () => new Date(0) });
  const groups = () => views.status().map(({ group }) => group);
  const apply = async (live: ReturnType<typeof publish>) =>
    views.apply(await changes.update(live), { revision: live.revision });
  return { store, views, groups, apply };
}

const only = (...namespaces: string[]): ViewSelector => ({ ...everything("envoys"), namespaces });

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("the node groups", () => {
  test("share the encoded resources", async () => {
    const { store, views, apply } = await setUp();
    await apply(publish(start));
    const group = views.groupFor(only("default")) ?? "";
    const routes = (name: string) => store.view(name)?.type(typeUrls.route).get("default/ranking");
    expect(routes(group)).toBeDefined();
    expect(routes(group)).toBe(routes("envoys"));
  });

  test("are one for nodes that ask for the same", async () => {
    const { views, groups, apply } = await setUp();
    await apply(publish(start));
    expect(views.groupFor(only("a", "b"))).toBe(views.groupFor(only("a", "b")));
    expect(groups()).toEqual(["envoys", "grpc-clients", "envoys namespaces=a,b"]);
  });

  test("have nothing to serve before the first documents, and then their part of them", async () => {
    const { store, views, apply } = await setUp();
    const group = views.groupFor(only("elsewhere")) ?? "";
    expect(store.view(group)).toBeUndefined();
    await apply(publish(start));
    expect(store.view(group)?.type(typeUrls.listener).get("keyed")).toBeDefined();
    expect(store.view(group)?.type(typeUrls.route).get("default/ranking")).toBeUndefined();
  });

  test("are not changed by what they do not have, but know its revision", async () => {
    const { store, views, apply } = await setUp();
    const live = publish(start);
    await apply(live);
    const group = views.groupFor(only("elsewhere")) ?? "";
    const before = store.view(group)?.sequence ?? 0;
    await apply(publish([objective("ranking", "ranker", "7", { policy: { retries: 0 } })], live));
    expect(store.view(group)?.sequence).toBe(before);
    expect(store.view(group)?.revisionAt(before)).toBe(4);
  });

  test("go a while after their last stream, not while one is open, and never those of nodes without metadata", async () => {
    const { store, views, groups, apply } = await setUp();
    await apply(publish(start));
    const group = views.groupFor(only("default")) ?? "";
    views.opened(group);
    views.opened(group);
    views.closed(group);
    vi.advanceTimersByTime(10 * lingerMs);
    expect(groups()).toContain(group);
    views.closed(group);
    vi.advanceTimersByTime(lingerMs - 1);
    views.opened(group);
    vi.advanceTimersByTime(lingerMs);
    expect(groups()).toContain(group);
    views.closed(group);
    vi.advanceTimersByTime(lingerMs);
    expect(store.view(group)).toBeUndefined();
    expect(groups()).toEqual(["envoys", "grpc-clients"]);
  });

  test("go when the node that they were made for was refused after all", async () => {
    const { views, groups } = await setUp();
    views.groupFor(only("default"));
    vi.advanceTimersByTime(lingerMs);
    expect(groups()).toEqual(["envoys", "grpc-clients"]);
  });

  test("are limited in number, and those that are there go on", async () => {
    const { views, groups } = await setUp();
    for (let n = 0; n < 2 * maxGroups; n++) views.groupFor(only(`n${n}`));
    expect(groups()).toHaveLength(maxGroups);
    expect(views.groupFor(only("one-more"))).toBeUndefined();
    expect(views.groupFor(only("n1"))).toBe("envoys namespaces=n1");
  });
});
