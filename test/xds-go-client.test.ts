import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { typeUrls } from "../xds-server/protocol/type-urls.ts";
import { clusterResource, removal } from "./support/envoy-resources.ts";
import { goMissingReason } from "./support/go.ts";
import { buildGoXdsClient, type GoXdsClient, startGoXdsClient } from "./support/go-xds-client.ts";
import { eventually } from "./support/processes.ts";
import type { TestXdsServer } from "./support/xds-server.ts";
import { serverForTest } from "./support/xds-world.ts";

const reason = goMissingReason();
if (reason) console.warn(`The tests with go-control-plane as a client are skipped: ${reason}`);

beforeAll(async () => {
  if (!reason) await buildGoXdsClient();
}, 600_000);

/** A cluster that a client recognises by its content. */
const cluster = (name: string, content: string) => clusterResource(name, { altStatName: content });

/** Counts what was sent and answered, so that a response too many is noticed. */
function counters() {
  const counts = { responses: 0, acks: 0, nacks: 0 };
  const hooks = {
    onResponse: () => void counts.responses++,
    onAck: () => void counts.acks++,
    onNack: () => void counts.nacks++,
  };
  return { counts, hooks };
}

async function clientForTest(variant: "sotw" | "delta", server: TestXdsServer): Promise<GoXdsClient> {
  const client = await startGoXdsClient(variant, server.port, "go-client");
  onTestFinished(() => client.stop());
  return client;
}

async function accept(client: GoXdsClient) {
  const update = await client.fetch();
  await client.ack();
  return update;
}

const acknowledged = (server: TestXdsServer, revision: number) =>
  eventually(`revision ${revision}`, () => server.server.nodes()[0]?.acknowledgedRevision === revision);

describe.each([
  { title: "go-control-plane's client package, state of the world", variant: "sotw" as const },
  { title: "a delta client over go-control-plane's stubs", variant: "delta" as const },
])("$title", ({ variant }) => {
  const it = test.skipIf(reason);
  const isDelta = variant === "delta";

  it("takes additions, changes and removals, each in one response", async () => {
    const { counts, hooks } = counters();
    const server = await serverForTest({ hooks });
    server.store.apply("test", [cluster("a", "1"), cluster("b", "1")], { revision: 1 });
    const client = await clientForTest(variant, server);
    expect((await accept(client)).clusters).toEqual({ a: "1", b: "1" });
    await acknowledged(server, 1);

    server.store.apply("test", [cluster("c", "1")], { revision: 2 });
    expect((await accept(client)).clusters).toEqual(isDelta ? { c: "1" } : { a: "1", b: "1", c: "1" });
    await acknowledged(server, 2);

    server.store.apply("test", [cluster("a", "2")], { revision: 3 });
    expect((await accept(client)).clusters).toEqual(isDelta ? { a: "2" } : { a: "2", b: "1", c: "1" });
    await acknowledged(server, 3);

    server.store.apply("test", [removal(typeUrls.cluster, "b")], { revision: 4 });
    const removed = await accept(client);
    expect(removed).toEqual(isDelta ? { clusters: {}, removed: ["b"] } : { clusters: { a: "2", c: "1" }, removed: [] });
    await acknowledged(server, 4);
    expect(counts).toEqual({ responses: 4, acks: 4, nacks: 0 });
  });

  it("is told of a refused content by its status, and sent nothing until there is another", async () => {
    const { counts, hooks } = counters();
    const server = await serverForTest({ hooks });
    server.store.apply("test", [cluster("a", "good")], { revision: 1 });
    const client = await clientForTest(variant, server);
    await accept(client);
    server.store.apply("test", [cluster("a", "bad")], { revision: 2 });
    expect((await client.fetch()).clusters).toEqual({ a: "bad" });
    await client.nack("no cluster of mine");
    const node = await eventually("the refusal shows", () =>
      server.server.nodes().find(({ nacks }) => nacks.length > 0),
    );
    expect(node).toMatchObject({ nodeId: "go-client", acknowledgedRevision: 1 });
    expect(node.nacks).toMatchObject([
      { typeUrl: typeUrls.cluster, resourceNames: ["a"], message: "no cluster of mine" },
    ]);

    server.store.apply("test", [cluster("a", "better")], { revision: 3 });
    expect((await accept(client)).clusters).toEqual({ a: "better" });
    await acknowledged(server, 3);
    expect(server.server.nodes()[0]?.nacks).toEqual([]);
    expect(counts).toEqual({ responses: 3, acks: 2, nacks: 1 });
  });

  it("is brought up to date when it reconnects", async () => {
    const server = await serverForTest();
    server.store.apply("test", [cluster("a", "1"), cluster("b", "1"), cluster("c", "1")], { revision: 1 });
    const client = await clientForTest(variant, server);
    await accept(client);
    await acknowledged(server, 1);
    await client.reconnect();
    expect((await accept(client)).clusters).toEqual(isDelta ? {} : { a: "1", b: "1", c: "1" });
    await acknowledged(server, 1);

    const stopped = client.reconnect();
    server.store.apply("test", [cluster("b", "2"), removal(typeUrls.cluster, "c")], { revision: 2 });
    await stopped;
    const held = new Map(Object.entries({ a: "1", b: "1", c: "1" }));
    await eventually("it holds the new state", async () => {
      const { clusters, removed } = await accept(client);
      if (!isDelta) held.clear();
      for (const [name, content] of Object.entries(clusters)) held.set(name, content);
      for (const name of removed) held.delete(name);
      return held.size === 2 && held.get("b") === "2";
    });
    expect(Object.fromEntries(held)).toEqual({ a: "1", b: "2" });
    await acknowledged(server, 2);
  });
});
