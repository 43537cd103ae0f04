import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import type { ResourceChange } from "../xds-server/protocol/group.ts";
import { createSnapshotStore } from "../xds-server/protocol/snapshot.ts";
import { typeUrls } from "../xds-server/protocol/type-urls.ts";
import { makeAuthority } from "./support/certificates.ts";
import { startEnvoy } from "./support/envoy.ts";
import {
  caSecretResource,
  clusterResource,
  endpointResource,
  listenerResource,
  removal,
  routeResource,
  runtimeResource,
  scopeResource,
  serviceSource,
  servicesBootstrap,
} from "./support/envoy-resources.ts";
import { envoysOverAds } from "./support/envoy-versions.ts";
import { freePorts } from "./support/ports.ts";
import { eventually, temporaryFolder } from "./support/processes.ts";
import { startXdsServer } from "./support/xds-server.ts";
import { servedTypes } from "./support/xds-world.ts";

const { cluster, endpoint, route, scopedRoute } = typeUrls;

async function backendForTest(name: string): Promise<number> {
  const server = createServer((_, response) => response.end(name));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** What an HTTP request of a scope is answered, or its status. */
async function get(port: number, scope: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { "x-scope": scope } }).catch(() => undefined);
  const text = await response?.text();
  return response?.status === 200 ? `${text}` : `${response?.status}`;
}

describe.each(envoysOverAds())(
  "a real Envoy $version, each type over its own service, $apiType",
  (envoyOverServices) => {
    const { version, apiType, reason } = envoyOverServices;

    test.skipIf(reason)("takes additions, changes and removals of all types, and comes back", async () => {
      const [[adminPort, port], backendA, backendB] = [
        (await freePorts(2)) as [number, number],
        await backendForTest("A"),
        await backendForTest("B"),
      ];
      const source = serviceSource(apiType);
      const authorities = ["first", "second"].map((name) =>
        readFileSync(makeAuthority(temporaryFolder(), name).caFile, "utf8"),
      );
      const [firstAuthority = "", secondAuthority = ""] = authorities;
      const edsCluster = (name: string, more = {}) =>
        clusterResource(name, { edsClusterConfig: { edsConfig: source }, ...more });
      const commonTlsContext = { validationContextSdsSecretConfig: { name: "ca", sdsConfig: source } };
      const transportSocket = {
        name: "envoy.transport_sockets.tls",
        typedConfig: {
          "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
          commonTlsContext,
        },
      };
      const content: ResourceChange[] = [
        ...[edsCluster("a"), endpointResource("a", backendA)],
        ...[edsCluster("secured", { transportSocket }), endpointResource("secured", backendA)],
        caSecretResource("ca", firstAuthority),
        ...[listenerResource("l", port, undefined, source), scopeResource("s"), routeResource("s", "a")],
        runtimeResource("rtds", { limit: 1 }),
      ];
      const services = new Set<string | undefined>();
      const hooks = { onStreamOpen: ({ onlyType }: { onlyType: string | undefined }) => void services.add(onlyType) };
      const first = await startXdsServer({ hooks });
      onTestFinished(() => first.stop());
      first.store.apply("test", content, { revision: 1 });
      const envoy = await startEnvoy(servicesBootstrap(apiType, first.port, adminPort), adminPort, {
        version,
        until: "ready",
      });
      onTestFinished(() => envoy.stop());
      const limit = async () => {
        const runtime = JSON.parse(await envoy.admin("/runtime")) as {
          entries: Record<string, { final_value: string }>;
        };
        return runtime.entries.limit?.final_value;
      };
      const holdsAuthority = async (pem: string) =>
        (await envoy.admin("/config_dump?resource=dynamic_active_secrets")).includes(
          Buffer.from(pem).toString("base64"),
        );
      const acknowledged = (server: typeof first, revision: number) =>
        eventually(`revision ${revision}`, () => server.server.nodes()[0]?.acknowledgedRevision === revision);

      await eventually("the first answer", async () => (await get(port, "s")) === "A");
      await eventually("the first authority", () => holdsAuthority(firstAuthority));
      expect(await limit()).toBe("1");
      await acknowledged(first, 1);
      expect([...services].sort()).toEqual([...servedTypes].sort());

      const changes = [
        ...[edsCluster("a", { connectTimeout: "2s" }), endpointResource("a", backendB)],
        ...[caSecretResource("ca", secondAuthority), runtimeResource("rtds", { limit: 2 })],
        ...[edsCluster("c"), endpointResource("c", backendA), scopeResource("added"), routeResource("added", "c")],
      ];
      first.store.apply("test", changes, { revision: 2 });
      await eventually("the changed endpoint", async () => (await get(port, "s")) === "B");
      await eventually("the added scope", async () => (await get(port, "added")) === "A");
      await eventually("the second authority", () => holdsAuthority(secondAuthority));
      await eventually("the changed layer", async () => (await limit()) === "2");
      await acknowledged(first, 2);

      const removals = [
        ...[removal(scopedRoute, "added"), removal(route, "added"), removal(cluster, "c"), removal(endpoint, "c")],
        ...[removal(cluster, "secured"), removal(endpoint, "secured")],
      ];
      first.store.apply("test", removals, { revision: 3 });
      await eventually("the scope is gone", async () => (await get(port, "added")) === "404");
      await eventually("the clusters are gone", async () => !/^(c|secured)::/m.test(await envoy.admin("/clusters")));
      await acknowledged(first, 3);
      expect(first.server.nodes()[0]?.nackCount).toBe(0);

      await first.stop();
      expect(await get(port, "s")).toBe("B");
      const store = createSnapshotStore();
      store.apply("test", [...content, ...changes, ...removals, endpointResource("a", backendA)], { revision: 4 });
      const second = await startXdsServer({ store, port: first.port });
      onTestFinished(() => second.stop());
      await eventually("what changed meanwhile", async () => (await get(port, "s")) === "A");
      await acknowledged(second, 4);
      expect(second.server.nodes()[0]?.nackCount).toBe(0);
    });
  },
);
