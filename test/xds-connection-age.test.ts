import { expect, onTestFinished, test } from "vitest";
import { maxConnectionAge } from "../xds-server/protocol/channel-options.ts";
import { typeUrls } from "../xds-server/protocol/type-urls.ts";
import { startEnvoy } from "./support/envoy.ts";
import { adsBootstrap, clusterResource } from "./support/envoy-resources.ts";
import { freePort } from "./support/ports.ts";
import { eventually } from "./support/processes.ts";
import { allVariants, clientForTest, serverForTest } from "./support/xds-world.ts";

const { cluster } = typeUrls;
const channelOptions = { ...maxConnectionAge(3000), "grpc.max_connection_age_grace_ms": 100 };

test.each(allVariants)(
  "a connection ends at its age, and its streams leave nothing behind: $title",
  async (variant) => {
    const server = await serverForTest({ channelOptions });
    server.change({ [cluster]: { A: "1" } });
    const client = clientForTest(server, variant, cluster);
    client.send({ typeUrl: cluster });
    await client.receive();
    expect((await client.ended).code).not.toBe(0);
    await eventually("no stream is left", () => server.server.streamCount() === 0);

    const next = client.another();
    next.send({ typeUrl: cluster });
    expect((await next.receive()).resources.get("A")).toBe("1");
  },
);

test("an Envoy whose connection has reached its age comes back and is sent nothing that it has", async () => {
  let opened = 0;
  const sent: number[] = [];
  const server = await serverForTest({
    channelOptions,
    hooks: { onStreamOpen: () => void opened++, onResponse: (_, { resources }) => void sent.push(resources) },
  });
  server.store.apply("test", [clusterResource("a")], { revision: 1 });
  const adminPort = await freePort();
  const envoy = await startEnvoy(adsBootstrap("DELTA_GRPC", server.port, adminPort), adminPort, { until: "ready" });
  onTestFinished(() => envoy.stop());
  await eventually("a second stream", () => opened >= 2);
  await eventually("it is up to date", () => server.server.nodes()[0]?.acknowledgedRevision === 1);
  expect(await envoy.stat("cluster_manager.cluster_modified")).toBe(0);
  expect(sent.filter((resources) => resources > 0)).toHaveLength(1);
  server.store.apply("test", [clusterResource("b")], { revision: 2 });
  await eventually("a change arrives", () => server.server.nodes()[0]?.acknowledgedRevision === 2);
});

test("without an age, connections last", () => {
  expect(maxConnectionAge(0)).toEqual({});
});
