import { describe, expect, onTestFinished, test } from "vitest";
import { startEnvoy } from "./support/envoy.ts";
import { adsBootstrap, clusterResource, endpointResource, runtimeResource } from "./support/envoy-resources.ts";
import { envoysOverAds } from "./support/envoy-versions.ts";
import { freePort } from "./support/ports.ts";
import { eventually } from "./support/processes.ts";
import { startXdsServer } from "./support/xds-server.ts";

/** Long enough that a machine that is busy for a second or two lets nothing expire. */
const ttlMs = 4000;

describe.each(envoysOverAds())("a real Envoy $version over ADS, $apiType", ({ version, apiType, reason }) => {
  const it = test.skipIf(reason);

  it("keeps a resource with a time to live while heartbeats come, and drops it when they stop", async () => {
    const padding = "p".repeat(1000);
    let heartbeats = 0;
    let contents = 0;
    const xds = await startXdsServer({
      hooks: {
        onResponse: (_, { typeUrl, bytes }) => {
          if (!typeUrl.endsWith(".Runtime")) return;
          if (bytes < padding.length) heartbeats++;
          else contents++;
        },
      },
    });
    onTestFinished(() => xds.stop());
    const adminPort = await freePort();
    const lasting = [clusterResource("lasting"), endpointResource("lasting", adminPort)];
    xds.store.apply("test", [...lasting, runtimeResource("rtds", { limit: 7, padding }, ttlMs)], { revision: 1 });
    const envoy = await startEnvoy(adsBootstrap(apiType, xds.port, adminPort), adminPort, { version, until: "ready" });
    onTestFinished(() => envoy.stop());
    const limit = async () => {
      const runtime = JSON.parse(await envoy.admin("/runtime")) as { entries: Record<string, { final_value: string }> };
      return runtime.entries.limit?.final_value;
    };
    await eventually("the layer", async () => (await limit()) === "7");

    const misses: unknown[] = [];
    await eventually("heartbeats for longer than its time to live", async () => {
      const value = await limit();
      if (value !== "7") misses.push(value);
      return heartbeats + contents > 4;
    });
    expect(misses).toEqual([]);
    if (apiType === "DELTA_GRPC") expect(contents).toBe(1);
    else expect(heartbeats).toBe(0);
    expect(xds.server.nodes()[0]).toMatchObject({ nackCount: 0, acknowledgedRevision: 1 });

    await xds.stop();
    await eventually("the layer is gone", async () => (await limit()) === undefined);
    expect(await envoy.admin("/clusters")).toContain("lasting::");
  });
});
