import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { createSnapshotStore } from "../xds-server/protocol/snapshot.ts";
import { typeUrls } from "../xds-server/protocol/type-urls.ts";
import { startEnvoy } from "./support/envoy.ts";
import {
  adsBootstrap,
  clusterResource,
  endpointResource,
  listenerResource,
  removal,
  routeResource,
  scopeResource,
} from "./support/envoy-resources.ts";
import { envoysOverAds } from "./support/envoy-versions.ts";
import { freePort, freePorts } from "./support/ports.ts";
import { eventually } from "./support/processes.ts";
import { startXdsServer } from "./support/xds-server.ts";
import { serverForTest } from "./support/xds-world.ts";

const { cluster, endpoint, listener, route, scopedRoute } = typeUrls;

/** An HTTP server that answers its name. */
async function backendForTest(name: string): Promise<number> {
  const server: Server = createServer((_, response) => response.end(name));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

async function get(port: number, scope?: string): Promise<string> {
  const headers: Record<string, string> = scope === undefined ? {} : { "x-scope": scope };
  const response = await fetch(`http://127.0.0.1:${port}/`, { headers, signal: AbortSignal.timeout(5000) });
  const text = await response.text();
  return response.status === 200 ? text : `${response.status} ${text}`;
}

describe.each(envoysOverAds())("a real Envoy $version over ADS, $apiType", ({ version, apiType, reason }) => {
  const it = test.skipIf(reason);

  it("takes additions, changes and removals, and fails no request when its route moves", async () => {
    const xds = await serverForTest();
    const [backendA, backendB] = [await backendForTest("A"), await backendForTest("B")];
    const [adminPort, port] = (await freePorts(2)) as [number, number];
    xds.store.apply("test", [clusterResource("a"), endpointResource("a", backendA)], { revision: 1 });
    const envoy = await startEnvoy(adsBootstrap(apiType, xds.port, adminPort), adminPort, { version, until: "ready" });
    onTestFinished(() => envoy.stop());
    const acknowledged = (revision: number) =>
      eventually(`revision ${revision}`, () => xds.server.nodes()[0]?.acknowledgedRevision === revision);
    await acknowledged(1);

    xds.store.apply("test", [listenerResource("l", port, "r"), routeResource("r", "a")], { revision: 2 });
    expect(await eventually("the first answer", () => get(port))).toBe("A");
    await acknowledged(2);

    const answers: string[] = [];
    let isLoading = true;
    const load = (async () => {
      while (isLoading) answers.push(await get(port));
    })();
    await eventually("answers before the change", () => answers.length >= 10);
    xds.store.apply(
      "test",
      [
        ...[removal(cluster, "a"), removal(endpoint, "a")],
        ...[clusterResource("b"), endpointResource("b", backendB), routeResource("r", "b")],
      ],
      { revision: 3 },
    );
    await acknowledged(3);
    await eventually("cluster a is gone", async () => !(await envoy.admin("/clusters")).includes("a::"));
    isLoading = false;
    await load;
    expect(new Set(answers)).toEqual(new Set(["A", "B"]));
    expect(await get(port)).toBe("B");

    xds.store.apply("test", [removal(listener, "l"), removal(route, "r")], { revision: 4 });
    await acknowledged(4);
    await eventually("the listener is gone", async () => !(await envoy.admin("/listeners")).includes(`:${port}`));
    expect(xds.server.nodes()[0]?.nackCount).toBe(0);
  });

  it("loads the routes of a new scope, and reports the revision only when it holds them", async () => {
    const xds = await serverForTest();
    const backend = await backendForTest("A");
    const [adminPort, port] = (await freePorts(2)) as [number, number];
    xds.store.apply("test", [listenerResource("l", port)], { revision: 1 });
    const envoy = await startEnvoy(adsBootstrap(apiType, xds.port, adminPort), adminPort, { version, until: "ready" });
    onTestFinished(() => envoy.stop());
    await eventually("a listener", async () => (await envoy.admin("/listeners")).includes(`:${port}`));
    const revision = () => xds.server.nodes()[0]?.acknowledgedRevision;
    await eventually("revision 1", () => revision() === 1);
    expect(await get(port, "s1")).toMatch(/^404/);

    const shared = [clusterResource("a"), endpointResource("a", backend)];
    for (let number = 1; number <= 20; number++) {
      const name = `s${number}`;
      xds.store.apply("test", [...shared, routeResource(name, "a"), scopeResource(name)], { revision: 1 + number });
      await eventually(`revision ${1 + number}`, () => revision() === 1 + number);
      expect(await get(port, name)).toBe("A");
    }

    xds.store.apply("test", [removal(scopedRoute, "s1"), removal(route, "s1")], { revision: 22 });
    await eventually("revision 22", () => revision() === 22);
    expect(await get(port, "s1")).toMatch(/^404/);
    expect(await get(port, "s2")).toBe("A");
    expect(xds.server.nodes()[0]?.nackCount).toBe(0);
  });

  it("refuses a bad resource alone, keeps the last good one, and takes the next", async () => {
    const xds = await serverForTest();
    const [backendA, backendB] = [await backendForTest("A"), await backendForTest("B")];
    const [adminPort, port] = (await freePorts(2)) as [number, number];
    const shared = [clusterResource("a"), endpointResource("a", backendA)];
    xds.store.apply("test", [...shared, listenerResource("l", port, "r"), routeResource("r", "a")], { revision: 1 });
    const envoy = await startEnvoy(adsBootstrap(apiType, xds.port, adminPort), adminPort, { version, until: "ready" });
    onTestFinished(() => envoy.stop());
    expect(await eventually("the first answer", () => get(port))).toBe("A");

    const invalid = { typeUrl: route, name: "r", resource: { bytes: Buffer.from("0a01721200", "hex") } };
    xds.store.apply("test", [invalid], { revision: 2 });
    const nack = await eventually("a NACK", () => xds.server.nodes()[0]?.nacks[0]);
    expect(nack).toMatchObject({ typeUrl: route, resourceNames: ["r"] });
    expect(nack.message).toContain("VirtualHost");
    expect(await get(port)).toBe("A");
    expect(xds.server.nodes()[0]).toMatchObject({ nackCount: 1, acknowledgedRevision: 1 });

    const next = [clusterResource("b"), endpointResource("b", backendB), routeResource("r", "b")];
    xds.store.apply("test", next, { revision: 3 });
    await eventually("revision 3", () => xds.server.nodes()[0]?.acknowledgedRevision === 3);
    expect(await get(port)).toBe("B");
    expect(xds.server.nodes()[0]).toMatchObject({ nackCount: 1, nacks: [] });
  });

  it("keeps routing while the server is away, and is sent only what changed meanwhile", async () => {
    const port = await freePort();
    const [backendA, backendB] = [await backendForTest("A"), await backendForTest("B")];
    const content = [
      ...[clusterResource("a"), endpointResource("a", backendA), clusterResource("b"), endpointResource("b", backendB)],
      ...[listenerResource("l", port, "r"), routeResource("r", "a")],
    ];
    const first = await startXdsServer();
    first.store.apply("test", content, { revision: 1 });
    const adminPort = await freePort();
    const envoy = await startEnvoy(adsBootstrap(apiType, first.port, adminPort), adminPort, {
      version,
      until: "ready",
    });
    onTestFinished(() => envoy.stop());
    expect(await eventually("the first answer", () => get(port))).toBe("A");
    await first.stop();
    expect(await get(port)).toBe("A");

    const store = createSnapshotStore();
    store.apply("test", [...content, routeResource("r", "b")], { revision: 1 });
    const sent: string[] = [];
    const second = await startXdsServer({
      store,
      port: first.port,
      hooks: { onResponse: (_, { typeUrl, resources }) => void (resources > 0 && sent.push(typeUrl)) },
    });
    onTestFinished(() => second.stop());
    expect(await eventually("the new route", async () => (await get(port)) === "B" && "B")).toBe("B");
    await eventually("all is acknowledged", () => second.server.nodes()[0]?.acknowledgedRevision === 1);
    if (apiType === "DELTA_GRPC") expect(sent).toEqual([route]);
    expect(second.server.nodes()[0]?.nackCount).toBe(0);
  });

  it("starts although its runtime layer and the endpoints of a cluster do not exist", async () => {
    const xds = await serverForTest();
    const adminPort = await freePort();
    xds.store.apply("test", [clusterResource("without-endpoints")], { revision: 1 });
    const envoy = await startEnvoy(adsBootstrap(apiType, xds.port, adminPort), adminPort, {
      version,
      until: "ready",
    });
    onTestFinished(() => envoy.stop());
    await eventually("revision 1", () => xds.server.nodes()[0]?.acknowledgedRevision === 1);
    expect(await envoy.stat("cluster_manager.warming_clusters")).toBe(0);
    expect(xds.server.nodes()[0]?.nackCount).toBe(0);
  });
});
