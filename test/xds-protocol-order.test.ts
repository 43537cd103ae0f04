import { describe, expect, it } from "vitest";
import { typeUrls } from "../xds-server/protocol/type-urls.ts";
import { eventually } from "./support/processes.ts";
import type { XdsClient } from "./support/xds-client.ts";
import {
  allVariants,
  clientForTest,
  expectSilence,
  fullStateTypes,
  namedTypes,
  pause,
  serverForTest,
  serverWith,
  sotwVariants,
  subscribed,
  subscriberForTest,
  subscriberOf,
  variants,
} from "./support/xds-world.ts";

const { cluster, endpoint, listener, route, scopedRoute } = typeUrls;

const adsVariants = [variants.deltaAds, variants.sotwAds] as const;

/** "cluster:C" and "cluster:-C" for every resource received from the message with index `from` on. */
function arrivals(client: XdsClient, from: number): string[] {
  const kind = (typeUrl: string) => typeUrl.slice(typeUrl.lastIndexOf(".") + 1);
  return client.messages
    .slice(from)
    .flatMap((message) => [
      ...[...message.resources.keys()].map((name) => `${kind(message.typeUrl)}:${name}`),
      ...message.removed.map((name) => `${kind(message.typeUrl)}:-${name}`),
    ]);
}

describe("delta ADS: make before break for a client that comes back", () => {
  const variant = variants.deltaAds;

  /** A client that held C1 with its endpoints, and the route to it, comes back after the route was moved to C2. */
  async function backAfterMove() {
    const server = await serverForTest({ timing: { removalGraceMs: 0 } });
    server.change({ [cluster]: { C1: "1" }, [endpoint]: { C1: "1" }, [route]: { r: "to C1" } });
    const before = clientForTest(server, variant);
    const versionsOf = async (typeUrl: string, ...names: string[]) => {
      const subscriber = subscriberOf(before, variant, typeUrl);
      subscriber.subscribe(...names);
      return Object.fromEntries((await subscriber.accept()).versions);
    };
    const held = {
      clusters: await versionsOf(cluster),
      endpoints: await versionsOf(endpoint, "C1"),
      routes: await versionsOf(route, "r"),
    };
    before.close();
    server.change({
      [cluster]: { C1: null, C2: "1" },
      [endpoint]: { C1: null, C2: "1" },
      [route]: { r: "to C2" },
    });
    const client = clientForTest(server, variant);
    const [clusters, endpoints, routes] = [cluster, endpoint, route].map((type) => subscriberOf(client, variant, type));
    if (!clusters || !endpoints || !routes) throw new Error("three subscribers were made");
    return { server, client, held, clusters, endpoints, routes };
  }

  it("nothing is removed that routes not asked for yet may lead to", async () => {
    const { server, client, held, clusters, endpoints, routes } = await backAfterMove();
    client.send({ typeUrl: cluster, initialVersions: held.clusters });
    const news = await clusters.receive();
    expect([[...news.resources.keys()], news.removed]).toEqual([["C2"], []]);
    client.send({ typeUrl: endpoint, initialVersions: held.endpoints, subscribe: ["C1"] });
    client.send({ typeUrl: route, initialVersions: held.routes, subscribe: ["r"] });
    clusters.ack(news);
    const moved = await routes.receive();
    expect(moved.resources.get("r")).toBe("to C2");
    await expectSilence(server, clusters);
    expect(client.pending(endpoint)).toEqual([]);
    routes.ack(moved);
    expect((await clusters.accept()).removed).toEqual(["C1"]);
    expect((await endpoints.accept()).removed).toEqual(["C1"]);
  });

  it("a route that it holds moves only once the new clusters were accepted", async () => {
    const { server, client, held, clusters, routes } = await backAfterMove();
    client.send({ typeUrl: cluster, initialVersions: held.clusters });
    client.send({ typeUrl: route, initialVersions: held.routes, subscribe: ["r", "new"] });
    const news = await clusters.receive();
    const answer = await routes.accept();
    expect([[...answer.resources.keys()], answer.removed]).toEqual([[], ["new"]]);
    await expectSilence(server, routes);
    clusters.ack(news);
    expect((await routes.accept()).resources.get("r")).toBe("to C2");
  });

  it("what is gone leaves a client that asks for nothing else, after a while", async () => {
    const server = await serverForTest({ timing: { clusterAckTimeoutMs: 100 } });
    server.change({ [endpoint]: { C2: "1" } });
    const endpoints = subscriberOf(clientForTest(server, variant), variant, endpoint);
    endpoints.client.send({ typeUrl: endpoint, initialVersions: { C1: "1" }, subscribe: ["C1"] });
    expect((await endpoints.accept()).removed).toEqual(["C1"]);
  });
});

describe.each(adsVariants)("$title: make before break", (variant) => {
  /** A client that holds cluster C1 with its endpoints and a route, and is subscribed to those of C2. */
  async function routedToC1(options?: Parameters<typeof serverForTest>[0]) {
    const server = await serverForTest(options);
    server.change({ [cluster]: { C1: "1" }, [endpoint]: { C1: "1" }, [route]: { r: "to C1" } }, 1);
    const client = clientForTest(server, variant);
    const [clusters, endpoints, routes] = [cluster, endpoint, route].map((type) => subscriberOf(client, variant, type));
    if (!clusters || !endpoints || !routes) throw new Error("three subscribers were made");
    clusters.subscribe();
    await clusters.accept();
    endpoints.subscribe("C1", "C2");
    await endpoints.accept();
    routes.subscribe("r");
    await routes.accept();
    await expectSilence(server, routes);
    return { server, client, clusters, endpoints, routes, from: client.messages.length };
  }

  it("case 12: a new cluster comes before its endpoints, and its route after the clusters were accepted", async () => {
    const { server, client, clusters, endpoints, routes, from } = await routedToC1();
    server.change({ [route]: { r: "to C2" }, [endpoint]: { C2: "1" }, [cluster]: { C2: "1" } }, 2);
    const newClusters = await clusters.receive();
    await endpoints.accept();
    await pause(50);
    expect(routes.client.pending(route)).toEqual([]);
    clusters.ack(newClusters);
    expect((await routes.accept()).resources.get("r")).toBe("to C2");
    const order = arrivals(client, from).filter((arrival) => !arrival.endsWith(":C1"));
    expect(order).toEqual(["Cluster:C2", "ClusterLoadAssignment:C2", "RouteConfiguration:r"]);
    await eventually("all of it is acknowledged", () => server.server.nodes()[0]?.acknowledgedRevision === 2);
  });

  it("case 12: endpoints are sent again after their cluster changed, unasked", async () => {
    const { server, client, clusters, endpoints, from } = await routedToC1();
    server.change({ [cluster]: { C1: "2" } });
    await clusters.accept();
    expect(Object.fromEntries((await endpoints.accept()).resources)).toEqual({ C1: "1" });
    expect(arrivals(client, from)).toEqual(["Cluster:C1", "ClusterLoadAssignment:C1"]);
    await expectSilence(server, endpoints);
  });

  it("case 12: a cluster goes only after the route that left it was accepted, plus a grace period", async () => {
    let now = 1_000_000;
    const { server, clusters, endpoints, routes } = await routedToC1({ now: () => now });
    server.change({
      [cluster]: { C1: null, C2: "1" },
      [endpoint]: { C1: null, C2: "1" },
      [route]: { r: "to C2" },
    });
    const newClusters = await clusters.accept();
    expect(newClusters.resources.has("C2")).toBe(true);
    expect(newClusters.removed).toEqual([]);
    if (!variant.isDelta) expect(newClusters.resources.get("C1")).toBe("1");
    const newEndpoints = await endpoints.accept();
    expect([...newEndpoints.resources.keys(), ...newEndpoints.removed]).toEqual(["C2"]);
    const newRoute = await routes.receive();
    await expectSilence(server, clusters);

    routes.ack(newRoute);
    await expectSilence(server, clusters);
    now += 10_000;
    const withoutC1 = await clusters.accept();
    if (variant.isDelta) expect(withoutC1.removed).toEqual(["C1"]);
    else expect([...withoutC1.resources.keys()]).toEqual(["C2"]);
  });

  it("a refused route keeps the cluster that it would have left", async () => {
    const { server, clusters, endpoints, routes } = await routedToC1({ timing: { removalGraceMs: 0 } });
    server.change({ [cluster]: { C1: null, C2: "1" }, [endpoint]: { C2: "1" }, [route]: { r: "broken" } });
    await clusters.accept();
    await endpoints.accept();
    routes.nack(await routes.receive(), "no such thing");
    await expectSilence(server, clusters);
    server.change({ [route]: { r: "to C2" } });
    await routes.accept();
    const withoutC1 = await clusters.accept();
    if (variant.isDelta) expect(withoutC1.removed).toEqual(["C1"]);
    else expect([...withoutC1.resources.keys()]).toEqual(["C2"]);
  });

  it("routes do not wait for ever for clusters that nobody answers", async () => {
    const { server, clusters, routes } = await routedToC1({ timing: { clusterAckTimeoutMs: 100 } });
    server.change({ [cluster]: { C2: "1" }, [route]: { r: "to C2" } });
    await clusters.receive();
    expect((await routes.accept()).resources.get("r")).toBe("to C2");
  });

  it("a listener of a commit waits for its clusters, and later listeners do not overtake it", async () => {
    const { server, client, clusters } = await routedToC1();
    const listeners = subscriberOf(client, variant, listener);
    listeners.subscribe();
    await listeners.accept();
    server.change({ [cluster]: { C2: "1" }, [listener]: { L: "1" } });
    const newClusters = await clusters.receive();
    server.change({ [listener]: { M: "1" } });
    await expectSilence(server, listeners);
    clusters.ack(newClusters);
    expect(Object.fromEntries((await listeners.accept()).resources)).toEqual({ L: "1", M: "1" });
  });

  it("routes go on after refused clusters", async () => {
    const { server, clusters, routes } = await routedToC1();
    server.change({ [cluster]: { C2: "1" }, [route]: { r: "to C2" } });
    clusters.nack(await clusters.receive(), "no such cluster");
    expect((await routes.accept()).resources.get("r")).toBe("to C2");
  });

  it("a removed scope takes its routes with it only after it was accepted", async () => {
    const server = await serverWith({ [scopedRoute]: { s: "1" }, [route]: { s: "1" } });
    const client = clientForTest(server, variant);
    const scopes = subscriberOf(client, variant, scopedRoute);
    const routes = subscriberOf(client, variant, route);
    scopes.subscribe();
    await scopes.accept();
    routes.subscribe("s");
    await routes.accept();
    await expectSilence(server, routes);
    server.change({ [scopedRoute]: { s: null }, [route]: { s: null } });
    const withoutScope = await scopes.receive();
    expect(withoutScope.resources.size).toBe(0);
    await expectSilence(server, routes);
    routes.unsubscribe("s");
    scopes.ack(withoutScope);
    await pause(600);
    await expectSilence(server, routes);
  });
});

describe.each(sotwVariants)("$title: full and partial states", (variant) => {
  it.each(fullStateTypes)(
    "case 13: one change sends the whole state, the last removal an empty one (%s)",
    async (typeUrl) => {
      const { server, subscriber } = await subscribed(variant, typeUrl, { A: "1", B: "1", C: "1" });
      server.change({ [typeUrl]: { B: "2" } });
      expect(Object.fromEntries((await subscriber.accept()).resources)).toEqual({ A: "1", B: "2", C: "1" });
      server.change({ [typeUrl]: { A: null, B: null, C: null } });
      expect((await subscriber.accept()).resources.size).toBe(0);
    },
  );

  it.each(namedTypes)("case 13: a changed one is sent alone (%s)", async (typeUrl) => {
    const server = await serverWith({ [typeUrl]: { A: "1", B: "1", C: "1" } });
    const subscriber = subscriberForTest(server, variant, typeUrl);
    subscriber.subscribe("A", "B", "C");
    expect((await subscriber.accept()).resources.size).toBe(3);
    server.change({ [typeUrl]: { B: "2" } });
    expect(Object.fromEntries((await subscriber.accept()).resources)).toEqual({ B: "2" });
  });
});

describe.each(allVariants)("$title: back-pressure", (variant) => {
  it("case 14: a client that pauses sees the latest of each resource, in order, and nothing piles up", async () => {
    const server = await serverForTest();
    const names = [..."ABCDEFGHIJ"];
    const initial = Object.fromEntries(names.map((name) => [name, "0"]));
    server.change({ [cluster]: initial });
    const client = clientForTest(server, variant, cluster);
    const subscriber = subscriberOf(client, variant, cluster);
    subscriber.subscribe();
    await subscriber.accept();
    client.pause();
    for (let round = 1; round <= 1000; round++) {
      server.change({ [cluster]: Object.fromEntries(names.map((name) => [name, String(round)])) });
      if (round === 500) server.change({ [cluster]: { A: null } });
      if (round % 100 === 0) await pause(1);
    }
    client.resume();

    const last = new Map<string, number>();
    while (last.size < names.length || [...last.values()].some((round) => round < 1000)) {
      const message = await subscriber.receive();
      expect(client.pending(cluster)).toEqual([]);
      for (const [name, content] of message.resources) {
        expect(Number(content)).toBeGreaterThanOrEqual(last.get(name) ?? 0);
        last.set(name, Number(content));
      }
      expect(message.removed).toEqual([]);
      subscriber.ack(message);
    }
    const nonces = client.messages.map((message) => message.nonce);
    expect(new Set(nonces).size).toBe(nonces.length);
    expect(nonces.length).toBeLessThan(8);
  });

  it("case 14: what waits for a client that does not read stays below a bound", async () => {
    let sentBytes = 0;
    const onResponse = (_: unknown, response: { bytes: number }) => {
      sentBytes += response.bytes;
    };
    const server = await serverForTest({ hooks: { onResponse } });
    server.change({ [cluster]: { A: "0" } });
    const client = clientForTest(server, variant, cluster);
    const subscriber = subscriberOf(client, variant, cluster);
    subscriber.subscribe();
    await subscriber.accept();
    client.pause();
    for (let round = 1; round <= 50; round++) {
      server.change({ [cluster]: { A: `${round}${"x".repeat(200_000)}` } });
      await pause(12);
    }
    expect(sentBytes).toBeLessThan(1_000_000);
  });
});
