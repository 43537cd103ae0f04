import { status } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { typeUrls } from "../xds-server/protocol/type-urls.ts";
import { eventually } from "./support/processes.ts";
import { recordingHooks } from "./support/xds-server.ts";
import {
  allVariants,
  clientForTest,
  expectSilence,
  servedTypes,
  serverForTest,
  serverWith,
  subscribed,
  subscriberForTest,
  subscriberOf,
  variants,
} from "./support/xds-world.ts";

const { cluster, endpoint, listener } = typeUrls;
const adsVariants = [variants.deltaAds, variants.sotwAds] as const;

describe.each(allVariants)("$title: stream hygiene", (variant) => {
  it.each(servedTypes)("case 15: a first message without a node is an invalid argument (%s)", async (typeUrl) => {
    const server = await serverWith({ [typeUrl]: { A: "1" } });
    const client = clientForTest(server, variant, typeUrl);
    client.send({ typeUrl, nodeId: null });
    expect((await client.ended).code).toBe(status.INVALID_ARGUMENT);
  });

  it.each(servedTypes)("case 15: later messages need no node (%s)", async (typeUrl) => {
    const { server, subscriber } = await subscribed(variant, typeUrl, { A: "1" }, "A");
    server.change({ [typeUrl]: { A: "2" } });
    expect(Object.fromEntries((await subscriber.accept()).resources)).toEqual({ A: "2" });
  });

  it("a store without content for the group refuses to serve rather than say that everything is gone", async () => {
    const server = await serverForTest();
    const client = clientForTest(server, variant, cluster);
    client.send({ typeUrl: cluster });
    const { code, details } = await client.ended;
    expect(code).toBe(status.UNAVAILABLE);
    expect(details).toContain('"test"');

    server.change({ [cluster]: { A: "1" } });
    const subscriber = subscriberForTest(server, variant, cluster);
    subscriber.subscribe();
    await subscriber.accept();
    server.store.remove("test");
    expect((await subscriber.client.ended).code).toBe(status.UNAVAILABLE);
  });

  it("a node that belongs to no group is refused", async () => {
    const server = await serverForTest({ groupOf: (node) => (node.id === "stranger" ? undefined : "test") });
    server.change({ [cluster]: { A: "1" } });
    const client = clientForTest(server, variant, cluster);
    client.send({ typeUrl: cluster, nodeId: "stranger" });
    expect((await client.ended).code).toBe(status.PERMISSION_DENIED);
  });

  it("a node over which the choice of its group fails ends its own stream only, and the reason is logged", async () => {
    const server = await serverForTest({
      groupOf: (node) => {
        if (node.id === "odd") throw new Error("metadata of an odd shape");
        return "test";
      },
    });
    server.change({ [cluster]: { A: "1" } });
    const odd = clientForTest(server, variant, cluster);
    odd.send({ typeUrl: cluster, nodeId: "odd" });
    const { code, details } = await odd.ended;
    expect([code, details]).toEqual([status.INTERNAL, "internal error"]);
    expect(JSON.stringify(server.logs)).toContain("metadata of an odd shape");
    const good = subscriberForTest(server, variant, cluster);
    good.subscribe();
    await good.accept();
  });

  it("bytes that are no request end that stream only", async () => {
    const server = await serverWith({ [cluster]: { A: "1" } });
    const good = subscriberForTest(server, variant, cluster);
    good.subscribe();
    await good.accept();
    const garbage = clientForTest(server, variant, cluster);
    garbage.sendBytes(Buffer.from("ffffffffffffffffffff", "hex"));
    expect((await garbage.ended).code).not.toBe(status.OK);
    server.change({ [cluster]: { A: "2" } });
    await good.accept();
  });

  it("case 15: half-close, cancel and a lost connection free the stream", async () => {
    const hooks = recordingHooks();
    const server = await serverForTest({ hooks });
    server.change({ [cluster]: { A: "1" } });
    const clients = [0, 1, 2].map(() => clientForTest(server, variant, cluster));
    for (const client of clients) {
      client.send({ typeUrl: cluster });
      await client.receive();
    }
    expect(server.server.streamCount()).toBe(3);
    clients[0]?.halfClose();
    clients[1]?.cancel();
    clients[2]?.close();
    await eventually("no stream is left", () => server.server.streamCount() === 0);
    expect((await clients[0]?.ended)?.code).toBe(status.OK);
    expect(server.server.nodes()).toEqual([]);
    expect(hooks.lines.filter((line) => line.startsWith("close"))).toHaveLength(3);
  });

  it("case 15: a thousand streams that come and go leave nothing behind", async () => {
    let [opened, closed] = [0, 0];
    const hooks = { onStreamOpen: () => void opened++, onStreamClose: () => void closed++ };
    const server = await serverForTest({ hooks });
    server.change({ [cluster]: { A: "1" } });
    const client = clientForTest(server, variant, cluster);
    for (let cycle = 0; cycle < 1000; cycle += 50) {
      const streams = Array.from({ length: 50 }, () => client.another());
      for (const stream of streams) stream.send({ typeUrl: cluster });
      await Promise.all(streams.map((stream) => stream.receive()));
      for (const stream of streams) stream.cancel();
    }
    await eventually("every stream is closed", () => closed === 1000);
    expect(opened).toBe(1000);
    expect(server.server.streamCount()).toBe(0);
  });

  it("a closing server tells its clients to go elsewhere", async () => {
    const server = await serverWith({ [cluster]: { A: "1" } });
    const client = clientForTest(server, variant, cluster);
    client.send({ typeUrl: cluster });
    await client.receive();
    server.server.close();
    expect((await client.ended).code).toBe(status.UNAVAILABLE);
    const late = clientForTest(server, variant, cluster);
    late.send({ typeUrl: cluster });
    expect((await late.ended).code).toBe(status.UNAVAILABLE);
  });

  it("a client that asks for too many names is cut off", async () => {
    const server = await serverForTest({ limits: { namesPerStream: 100 } });
    server.change({ [cluster]: { A: "1" } });
    const client = clientForTest(server, variant, cluster);
    const names = Array.from({ length: 101 }, (_, index) => `name-${index}`);
    client.send({ typeUrl: cluster, names, subscribe: names });
    expect((await client.ended).code).toBe(status.RESOURCE_EXHAUSTED);
  });

  it("case 15: an endpoint that nobody knows is answered, so that warming can end", async () => {
    const server = await serverWith({ [cluster]: { A: "1" } });
    const client = clientForTest(server, variant, endpoint);
    client.send({ typeUrl: endpoint, names: ["unknown"], subscribe: ["unknown"] });
    const answer = await client.receive();
    expect([...answer.resources.keys(), ...answer.removed]).toEqual(["unknown"]);
  });
});

describe.each([variants.deltaSingle, variants.sotwSingle])(
  "$title: stream hygiene of a service of one type",
  (variant) => {
    it.each(servedTypes)("case 15: need not name its type (%s)", async (typeUrl) => {
      const server = await serverWith({ [typeUrl]: { A: "1" } });
      const client = clientForTest(server, variant, typeUrl);
      client.send({ typeUrl: "", names: ["A"], subscribe: ["A"] });
      const answer = await client.receive();
      expect([answer.typeUrl, Object.fromEntries(answer.resources)]).toEqual([typeUrl, { A: "1" }]);
    });

    it.each(servedTypes)("case 15: another type is an invalid argument (%s)", async (typeUrl) => {
      const server = await serverWith({ [typeUrl]: { A: "1" } });
      const client = clientForTest(server, variant, typeUrl);
      const other = typeUrl === cluster ? listener : cluster;
      client.send({ typeUrl: other });
      const { code, details } = await client.ended;
      expect([code, details]).toEqual([
        status.INVALID_ARGUMENT,
        expect.stringContaining(`serves ${typeUrl}, not "${other}"`),
      ]);
    });
  },
);

describe.each(adsVariants)("$title: stream hygiene of an aggregated stream", (variant) => {
  it("case 15: an empty type is an invalid argument", async () => {
    const server = await serverWith({ [cluster]: { A: "1" } });
    const client = clientForTest(server, variant);
    client.send({ typeUrl: "" });
    expect((await client.ended).code).toBe(status.INVALID_ARGUMENT);
  });

  it("case 15: an unknown type is answered with nothing and does not end the stream", async () => {
    const server = await serverWith({ [cluster]: { A: "1" } });
    const client = clientForTest(server, variant);
    const typeUrl = "type.googleapis.com/example.Unknown";
    client.send({ typeUrl, names: ["X"], subscribe: ["X"] });
    const answer = await client.receive(typeUrl);
    expect(answer.resources.size).toBe(0);
    expect(answer.removed).toEqual(variant.isDelta ? ["X"] : []);
    const subscriber = subscriberOf(client, variant, cluster);
    subscriber.subscribe();
    expect((await subscriber.accept()).resources.size).toBe(1);
  });

  it("case 15: versions and nonces of two types are independent", async () => {
    const server = await serverWith({ [cluster]: { A: "1" }, [listener]: { L: "1" } });
    const client = clientForTest(server, variant);
    const clusters = subscriberOf(client, variant, cluster);
    const listeners = subscriberOf(client, variant, listener);
    clusters.subscribe();
    listeners.subscribe();
    const firstCluster = await clusters.receive();
    const firstListener = await listeners.receive();
    expect(firstCluster.version).not.toBe(firstListener.version);
    client.send({ typeUrl: listener, nonce: firstCluster.nonce, error: "not mine", version: "" });
    clusters.ack(firstCluster);
    listeners.ack(firstListener);
    server.change({ [listener]: { L: "2" } });
    await listeners.accept();
    await expectSilence(server, clusters);
    expect(server.server.nodes()[0]?.nackCount).toBe(0);
  });
});

describe("node status", () => {
  it("joins the streams of one node and reports the lowest acknowledged revision", async () => {
    const hooks = recordingHooks();
    const server = await serverForTest({ hooks });
    server.change({ [cluster]: { A: "1" }, [listener]: { L: "1" } }, 10);
    const clusters = subscriberForTest(server, variants.deltaSingle, cluster);
    const listeners = subscriberForTest(server, variants.sotwSingle, listener);
    clusters.subscribe();
    await clusters.accept();
    listeners.subscribe();
    await listeners.accept();
    const revision = () => server.server.nodes()[0]?.acknowledgedRevision;
    await eventually("revision 10 is acknowledged", () => revision() === 10);

    server.change({ [listener]: { L: "2" } }, 11);
    const unanswered = await listeners.receive();
    server.change({}, 12);
    await expectSilence(server, clusters);
    expect(revision()).toBe(10);
    listeners.ack(unanswered);
    await eventually("revision 12 is acknowledged", () => revision() === 12);
    expect(server.server.nodes()).toMatchObject([{ nodeId: "test-node", cluster: "test-cluster", streams: 2 }]);
    expect(hooks.lines.at(-1)).toBe('progress test-node {"settled":12,"acknowledged":12}');
  });
});
