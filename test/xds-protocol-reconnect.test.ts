import { describe, expect, it } from "vitest";
import { removalsWaitFor, typeUrls } from "../xds-server/protocol/type-urls.ts";
import { eventually } from "./support/processes.ts";
import { type Received, testResource } from "./support/xds-client.ts";
import {
  clientForTest,
  deltaVariants,
  expectSilence,
  fullStateTypes,
  type Subscriber,
  servedTypes,
  serverForTest,
  serverWith,
  sotwVariants,
  subscriberForTest,
  subscriberOf,
  variants,
} from "./support/xds-world.ts";

const { cluster, endpoint } = typeUrls;

/** What is gone leaves an aggregated stream only with the second response: other types may still lead to it. */
async function removedAfter(answer: Received, subscriber: Subscriber): Promise<readonly string[]> {
  if (!subscriber.variant.isAggregated || removalsWaitFor(subscriber.typeUrl).length === 0) return answer.removed;
  return (await subscriber.accept()).removed;
}

/** Accepts responses until so many resources and removals came: what is found among very many comes in several. */
async function differenceOf(count: number, subscriber: Subscriber) {
  const [sent, removed] = [new Map<string, string>(), new Set<string>()];
  while (sent.size + removed.size < count) {
    const message = await subscriber.accept();
    for (const [name, content] of message.resources) sent.set(name, content);
    for (const name of message.removed) removed.add(name);
  }
  return { sent, removed };
}

describe.each(deltaVariants)("$title: reconnect", (variant) => {
  it.each(fullStateTypes)("case 10: only the difference to the versions held is sent (%s)", async (typeUrl) => {
    const server = await serverWith({ [typeUrl]: { A: "1", B: "1", C: "1" } });
    const before = subscriberForTest(server, variant, typeUrl);
    before.subscribe();
    const initialVersions = Object.fromEntries((await before.accept()).versions);
    before.client.close();
    server.change({ [typeUrl]: { B: "2", C: null, D: "1" } });

    const after = subscriberForTest(server, variant, typeUrl);
    after.client.send({ typeUrl, initialVersions });
    const answer = await after.accept();
    expect(Object.fromEntries(answer.resources)).toEqual({ B: "2", D: "1" });
    expect(await removedAfter(answer, after)).toEqual(["C"]);
    await expectSilence(server, after);
  });

  it.each(fullStateTypes)(
    "case 10: with nothing changed, the one answer is empty, also from another server with equal content (%s)",
    async (typeUrl) => {
      const [first, second] = [await serverForTest(), await serverForTest()];
      first.change({ [typeUrl]: { A: "1", B: "1" } });
      second.change({ [typeUrl]: { B: "0" } });
      second.change({ [typeUrl]: { B: "1", A: "1" } });
      const before = subscriberForTest(first, variant, typeUrl);
      before.subscribe();
      const { versions, version } = await before.accept();

      const after = subscriberForTest(second, variant, typeUrl);
      after.client.send({ typeUrl, initialVersions: Object.fromEntries(versions) });
      const answer = await after.accept();
      expect([answer.resources.size, answer.removed]).toEqual([0, []]);
      expect(answer.version).toBe(version);
      await expectSilence(second, after);
    },
  );

  it.each(servedTypes)("case 10: names with versions are compared one by one (%s)", async (typeUrl) => {
    const server = await serverWith({ [typeUrl]: { A: "1", B: "1", C: "1" } });
    const before = subscriberForTest(server, variant, typeUrl);
    before.subscribe("A", "B", "C");
    const initialVersions = Object.fromEntries((await before.accept()).versions);
    server.change({ [typeUrl]: { B: "2", C: null } });

    const after = subscriberForTest(server, variant, typeUrl);
    after.client.send({ typeUrl, initialVersions, subscribe: ["A", "B", "C", "missing"] });
    const answer = await after.accept();
    expect(Object.fromEntries(answer.resources)).toEqual({ B: "2" });
    expect(answer.removed).toContain("missing");
    expect(await removedAfter(answer, after)).toContain("C");
    after.subscribe("A");
    expect(Object.fromEntries((await after.accept()).resources)).toEqual({ A: "1" });
  });

  it("case 10: all that is gone is removed, in parts when it is much, and what came back is not", async () => {
    const server = await serverWith({ [cluster]: { A: "1" } });
    const names = Array.from({ length: 25_000 }, (_, index) => `gone-${index}`);
    const after = subscriberForTest(server, variant, cluster);
    after.client.send({ typeUrl: cluster, initialVersions: Object.fromEntries(names.map((name) => [name, "1"])) });
    const first = await after.receive();
    expect(Object.fromEntries(first.resources)).toEqual({ A: "1" });
    server.change({ [cluster]: { "gone-24999": "2" } });
    const removed = new Set(first.removed);
    after.ack(first);
    while (removed.size < names.length - 1) {
      const { removed: more, bytes } = await after.accept();
      for (const name of more) removed.add(name);
      expect(bytes).toBeLessThan(300_000);
    }
    expect(removed).toEqual(new Set(names.slice(0, -1)));
    await expectSilence(server, after);
  });

  it("case 10: the difference is found among very many resources, too", async () => {
    const server = await serverForTest();
    const names = Array.from({ length: 25_000 }, (_, index) => `name-${index}`);
    server.change({ [cluster]: Object.fromEntries(names.map((name) => [name, "1"])) });
    const view = server.store.view("test")?.type(cluster);
    const initialVersions = Object.fromEntries(names.map((name) => [name, view?.get(name)?.version ?? ""]));
    server.change({ [cluster]: { "name-24998": "2", "name-24999": null } });
    const after = subscriberForTest(server, variant, cluster);
    after.client.send({ typeUrl: cluster, initialVersions });
    const { sent, removed } = await differenceOf(2, after);
    expect([Object.fromEntries(sent), [...removed]]).toEqual([{ "name-24998": "2" }, ["name-24999"]]);
    server.change({ [cluster]: { "name-24998": "3" } });
    expect(Object.fromEntries((await after.accept()).resources)).toEqual({ "name-24998": "3" });
  });

  it("case 10: very many names with versions are compared one by one, too", async () => {
    const server = await serverForTest();
    const names = Array.from({ length: 12_000 }, (_, index) => `name-${index}`);
    server.change({ [endpoint]: Object.fromEntries(names.map((name) => [name, "1"])) });
    const view = server.store.view("test")?.type(endpoint);
    const initialVersions = Object.fromEntries(names.map((name) => [name, view?.get(name)?.version ?? ""]));
    server.change({ [endpoint]: { "name-1": "2", "name-11000": "2", "name-2": null, "name-11001": null } });
    const after = subscriberForTest(server, variant, endpoint);
    after.client.send({ typeUrl: endpoint, initialVersions, subscribe: [...names, "missing"] });
    const { sent, removed } = await differenceOf(5, after);
    await expectSilence(server, after);
    expect(Object.fromEntries(sent)).toEqual({ "name-1": "2", "name-11000": "2" });
    expect([...removed].sort()).toEqual(["missing", "name-11001", "name-2"]);
    server.change({ [endpoint]: { "name-11999": "2", missing: "1" } });
    expect(Object.fromEntries((await after.accept()).resources)).toEqual({ "name-11999": "2", missing: "1" });
  });

  it("case 11: 100,000 versions are accepted, and only what differs is sent", async () => {
    const server = await serverForTest();
    const names = Array.from({ length: 100_000 }, (_, index) => `namespace-${index % 100}/shard-number-${index}`);
    const resources = new Map(names.map((name) => [name, { bytes: testResource(name, "1") }]));
    server.store.set("test", new Map([[cluster, resources]]));
    const view = server.store.view("test")?.type(cluster);
    const initialVersions: Record<string, string> = { gone: "1" };
    for (const name of names) initialVersions[name] = view?.get(name)?.version ?? "";
    server.change({ [cluster]: { [names[500] ?? ""]: "2" } });

    const after = subscriberForTest(server, variant, cluster);
    after.client.send({ typeUrl: cluster, initialVersions });
    await eventually("an answer", () => after.client.messages.length > 0);
    const { sent, removed } = await differenceOf(2, after);
    expect(Object.fromEntries(sent)).toEqual({ [names[500] ?? ""]: "2" });
    expect([...removed]).toEqual(["gone"]);
  });
});

describe("delta ADS: reconnect", () => {
  it("endpoints that the client holds are sent again when their cluster changed meanwhile, and no others", async () => {
    const server = await serverWith({ [cluster]: { A: "1", B: "1" }, [endpoint]: { A: "1", B: "1" } });
    const heldOf = (typeUrl: string) => {
      const resources = server.store.view("test")?.type(typeUrl).all() ?? [];
      return Object.fromEntries(resources.map(({ name, version }) => [name, version]));
    };
    const held = { clusters: heldOf(cluster), endpoints: heldOf(endpoint) };
    server.change({ [cluster]: { A: "2" } });
    const clusters = subscriberForTest(server, variants.deltaAds, cluster);
    clusters.client.send({ typeUrl: cluster, initialVersions: held.clusters });
    expect(Object.fromEntries((await clusters.receive()).resources)).toEqual({ A: "2" });
    const endpoints = subscriberOf(clusters.client, variants.deltaAds, endpoint);
    endpoints.client.send({ typeUrl: endpoint, initialVersions: held.endpoints, subscribe: ["A", "B"] });
    expect(Object.fromEntries((await endpoints.accept()).resources)).toEqual({ A: "1" });
    await expectSilence(server, endpoints);
  });
});

describe.each(sotwVariants)("$title: reconnect", (variant) => {
  it.each(servedTypes)(
    "case 10: a first request with a version and another stream's nonce is answered in full (%s)",
    async (typeUrl) => {
      const server = await serverWith({ [typeUrl]: { A: "1", B: "1" } });
      const before = subscriberForTest(server, variant, typeUrl);
      before.subscribe("A");
      const { version } = await before.accept();

      const client = clientForTest(server, variant, typeUrl);
      client.send({ typeUrl, version, names: ["A", "B"] });
      const answer = await client.receive();
      expect(Object.fromEntries(answer.resources)).toEqual({ A: "1", B: "1" });
      expect(answer.version).toBe(version);
    },
  );
});
