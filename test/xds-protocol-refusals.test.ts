import { describe, expect, it, onTestFinished, test } from "vitest";
import { typeUrls } from "../xds-server/protocol/type-urls.ts";
import { startEnvoy } from "./support/envoy.ts";
import { adsBootstrap, clusterResource, endpointResource } from "./support/envoy-resources.ts";
import { envoysOverAds } from "./support/envoy-versions.ts";
import { freePort } from "./support/ports.ts";
import { eventually } from "./support/processes.ts";
import { recordingHooks } from "./support/xds-server.ts";
import { allVariants, expectSilence, serverForTest, serverWith, subscriberForTest } from "./support/xds-world.ts";

const { cluster, endpoint, route } = typeUrls;

/** A cluster with a file of authorities that Envoy's machine does not have: good by all rules, refused all the same. */
function withoutItsFile(name: string) {
  return clusterResource(name, {
    transportSocket: {
      name: "envoy.transport_sockets.tls",
      typedConfig: {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        commonTlsContext: { validationContext: { trustedCa: { filename: `/nowhere/${name}.pem` } } },
      },
    },
  });
}

describe.each(envoysOverAds())("a real Envoy $version over ADS, $apiType", ({ version, apiType, reason }) => {
  const itHasEnvoy = test.skipIf(reason);

  itHasEnvoy("refuses only the bad ones of a batch, and has the others in use", async () => {
    const xds = await serverForTest();
    const adminPort = await freePort();
    xds.store.apply("test", [clusterResource("first"), endpointResource("first", adminPort)], { revision: 1 });
    const envoy = await startEnvoy(adsBootstrap(apiType, xds.port, adminPort), adminPort, { version, until: "ready" });
    onTestFinished(() => envoy.stop());
    await eventually("revision 1", () => xds.server.nodes()[0]?.acknowledgedRevision === 1);

    const good = ["good-1", "good-2", "good-3"];
    const bad = ["bad-1", "bad-2"];
    xds.store.apply(
      "test",
      [
        ...good.flatMap((name) => [clusterResource(name), endpointResource(name, adminPort)]),
        ...bad.flatMap((name) => [withoutItsFile(name), endpointResource(name, adminPort)]),
      ],
      { revision: 2 },
    );
    const refused = () => (xds.server.nodes()[0]?.nacks ?? []).flatMap(({ resourceNames }) => resourceNames).sort();
    await eventually("only the bad ones are refused", () => refused().join() === bad.join());
    expect(xds.server.nodes()[0]).toMatchObject({ acknowledgedRevision: 1 });
    for (const { message, typeUrl } of xds.server.nodes()[0]?.nacks ?? []) {
      expect([typeUrl, message]).toEqual([cluster, expect.stringContaining("/nowhere/bad-")]);
    }
    const clusters = await envoy.admin("/clusters");
    for (const name of good) expect(clusters).toContain(`${name}::`);
    for (const name of bad) expect(clusters).not.toContain(`${name}::`);

    xds.store.apply(
      "test",
      bad.map((name) => clusterResource(name)),
      { revision: 3 },
    );
    await eventually("revision 3", () => xds.server.nodes()[0]?.acknowledgedRevision === 3);
    expect(refused()).toEqual([]);
  });
});

describe.each(allVariants)("$title: a refused response with several resources", (variant) => {
  it("ends with only the bad one refused, whatever else was in the response", async () => {
    const server = await serverForTest();
    const names = ["A", "B", "C", "D", "E"];
    const contents = (content: string) => Object.fromEntries(names.map((name) => [name, content]));
    server.change({ [endpoint]: contents("1") }, 1);
    const subscriber = subscriberForTest(server, variant, endpoint);
    subscriber.subscribe(...names);
    await subscriber.accept();

    server.change({ [endpoint]: contents("2") }, 2);
    const held = new Map<string, string>();
    for (let refusals = 0; !(refusals > 0 && held.size === names.length - 1); ) {
      const message = await subscriber.receive();
      if (message.resources.has("C")) {
        refusals++;
        subscriber.nack(message, "one of them is bad");
      } else {
        for (const [name, content] of message.resources) held.set(name, content);
        subscriber.ack(message);
      }
    }
    await eventually("C alone is refused", async () => {
      const [refused] = server.server.nodes()[0]?.nacks ?? [];
      for (const message of subscriber.client.pending(endpoint)) {
        await subscriber.receive();
        subscriber.nack(message, "one of them is bad");
      }
      return refused?.resourceNames.join() === "C";
    });
    await expectSilence(server, subscriber);
    expect([...held.values()]).toEqual(["2", "2", "2", "2"]);

    server.change({ [endpoint]: { C: "3" } }, 3);
    expect((await subscriber.accept()).resources).toEqual(new Map([["C", "3"]]));
    await eventually("revision 3", () => server.server.nodes()[0]?.acknowledgedRevision === 3);
  });

  it("is not offered once more in a content that has changed meanwhile", async () => {
    const server = await serverWith({ [route]: { A: "1", B: "1" } });
    const subscriber = subscriberForTest(server, variant, route);
    subscriber.subscribe("A", "B");
    const first = await subscriber.receive();
    server.change({ [route]: { A: "2", B: "2" } });
    subscriber.nack(first, "both are bad");
    expect((await subscriber.accept()).resources).toEqual(
      new Map([
        ["A", "2"],
        ["B", "2"],
      ]),
    );
    await eventually("nothing is refused", () => server.server.nodes()[0]?.nacks.length === 0);
    await expectSilence(server, subscriber);
  });
});

describe.each(allVariants)("$title: while something is refused", (variant) => {
  it("a commit that brings the client nothing is told of as settled", async () => {
    const hooks = recordingHooks();
    const server = await serverForTest({ hooks });
    server.change({ [endpoint]: { A: "1", unused: "1" } }, 1);
    const subscriber = subscriberForTest(server, variant, endpoint);
    subscriber.subscribe("A");
    await subscriber.accept();
    server.change({ [endpoint]: { A: "2" } }, 2);
    subscriber.nack(await subscriber.receive(), "A is broken");
    const told = (settled: number) =>
      eventually(`revision ${settled} is told of`, () =>
        hooks.lines.includes(`progress test-node {"settled":${settled},"acknowledged":1}`),
      );
    await told(2);

    server.change({ [endpoint]: { unused: null } }, 3);
    await told(3);
    expect(subscriber.client.pending(endpoint)).toEqual([]);
  });
});
