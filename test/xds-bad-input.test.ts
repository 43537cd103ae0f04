import { constants } from "node:http2";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { Client, credentials, status } from "@grpc/grpc-js";
import { describe, expect, it, onTestFinished } from "vitest";
import { createMetrics } from "../service/metrics.ts";
import type { Observed } from "../xds-server/gauges.ts";
import { createXdsMetrics } from "../xds-server/metrics.ts";
import type { CutReason } from "../xds-server/protocol/hooks.ts";
import { discoveryServices } from "../xds-server/protocol/service.ts";
import { typeUrls } from "../xds-server/protocol/type-urls.ts";
import { eventually } from "./support/processes.ts";
import { nodeField, rawXdsStreamForTest, textField } from "./support/raw-xds-stream.ts";
import type { XdsClient, XdsVariant } from "./support/xds-client.ts";
import type { TestXdsServer, TestXdsServerOptions } from "./support/xds-server.ts";
import {
  allVariants,
  clientForTest,
  deltaVariants,
  expectSilence,
  serverForTest,
  subscriberForTest,
  subscriberOf,
  variants,
} from "./support/xds-world.ts";

const { cluster, endpoint, route } = typeUrls;
const mebibyte = 1024 * 1024;

/** A server with content and the metrics of the process, and a good client whose stream must not suffer. */
async function worldForTest(options: TestXdsServerOptions = {}) {
  const metrics = createMetrics({ processMetrics: false });
  const observed: Observed = {
    server: () => server.server,
    groups: () => 1,
    security: { failing: () => 0, tls: undefined, secrets: { firstExpiry: () => undefined } },
    resources: () => new Map(),
  };
  const server: TestXdsServer = await serverForTest({ ...options, hooks: createXdsMetrics(metrics, observed).hooks });
  server.change({ [cluster]: { A: "1" }, [endpoint]: { A: "1" }, [route]: { A: "1" } });
  const good = subscriberOf(clientForTest(server, variants.deltaAds), variants.deltaAds, cluster);
  good.subscribe();
  await good.accept();
  let content = 1;
  /** How many streams were cut for this reason. */
  const cuts = async (reason: CutReason) => {
    const { text } = await metrics.expose();
    const count = new RegExp(`^signalbox_xds_streams_cut_total\\{reason="${reason}"\\} (\\d+)$`, "m").exec(text)?.[1];
    return Number(count ?? 0);
  };
  return {
    server,
    cuts,
    /** The good client gets the next change. */
    expectGoodServed: async () => {
      server.change({ [cluster]: { A: String(++content) } });
      while ((await good.accept()).resources.get("A") !== String(content));
    },
    expectCut: async (reason: CutReason, times = 1) => {
      await eventually(`streams are cut: ${reason}`, async () => (await cuts(reason)) >= times);
      expect(await cuts(reason)).toBe(times);
      const lines = server.logs.filter((line) => (line.fields as { cause?: string }).cause === reason);
      expect(lines[0]).toMatchObject({ level: "warn", message: "xDS stream ended for what its client did" });
    },
  };
}

function requestOf(client: XdsClient, variant: XdsVariant, typeUrl: string, names: readonly string[]): void {
  client.send(variant.isDelta ? { typeUrl, subscribe: names } : { typeUrl, names });
}

describe.each(allVariants)("$title: a client that sends", (variant) => {
  it.each([
    ["bytes that are no protobuf", Buffer.from("ffffffffffffffffffff", "hex")],
    ["a length beyond the end", Buffer.from("0aff", "hex")],
    ["a field of another wire type", Buffer.from("1807", "hex")],
    ["a node of more than 1 MiB", nodeField({ 1: "n", 2: "x".repeat(mebibyte) }, variant)],
    ["a name of 20,000 characters", textField(3, "n".repeat(20_000))],
    ["random bytes", Buffer.from(Array.from({ length: 1000 }, (_, index) => (index * 7919 + 131) % 256))],
  ])("garbage, %s, loses its own stream with INVALID_ARGUMENT", async (_, bytes) => {
    const { expectGoodServed, expectCut, server } = await worldForTest();
    const bad = clientForTest(server, variant, cluster);
    bad.sendBytes(bytes);
    expect((await bad.ended).code).toBe(status.INVALID_ARGUMENT);
    await expectCut("garbage");
    await expectGoodServed();
  });

  it("a request beyond the receive limit of 64 MiB loses its own stream, and nothing of it is kept", async () => {
    const { expectGoodServed, expectCut, server } = await worldForTest();
    const bad = clientForTest(server, variant, cluster);
    bad.sendBytes(Buffer.alloc(64 * mebibyte + 1));
    const { code, details } = await bad.ended;
    expect([code, details]).toEqual([status.RESOURCE_EXHAUSTED, expect.stringMatching(/larger than max.*67108864/)]);
    await expectCut("too_large");
    await expectGoodServed();
  });

  it("a million names loses its own stream with the limit in the message", async () => {
    const { expectGoodServed, expectCut, server } = await worldForTest();
    const bad = clientForTest(server, variant, route);
    requestOf(
      bad,
      variant,
      route,
      Array.from({ length: 1_000_000 }, (_, index) => `namespace/objective-${index}`),
    );
    const { code, details } = await bad.ended;
    expect([code, details]).toEqual([status.RESOURCE_EXHAUSTED, expect.stringContaining("more than 250000 names")]);
    await expectCut("too_many_names");
    await expectGoodServed();
  });

  it("more and more names in many requests loses its own stream", async () => {
    const { expectGoodServed, expectCut, server } = await worldForTest({ limits: { namesPerType: 1000 } });
    const bad = clientForTest(server, variant, route);
    const all = Array.from({ length: 1500 }, (_, index) => `name-${index}`);
    requestOf(bad, variant, route, all.slice(0, 800));
    if (variant.isDelta) requestOf(bad, variant, route, all.slice(800));
    else requestOf(bad, variant, route, all);
    expect((await bad.ended).code).toBe(status.RESOURCE_EXHAUSTED);
    await expectCut("too_many_names");
    await expectGoodServed();
  });

  it("request after request before there is anything to answer with loses its own stream", async () => {
    const groupOf = ({ id }: { readonly id: string }) => (id === "early" ? "without content" : "test");
    const { expectGoodServed, expectCut, server } = await worldForTest({ groupOf, withoutContent: "wait" });
    const bad = clientForTest(server, variant, route);
    for (let requests = 0; requests <= 1000; requests++) bad.send({ nodeId: "early" });
    const { code, details } = await bad.ended;
    expect([code, details]).toEqual([status.RESOURCE_EXHAUSTED, expect.stringContaining("more than 1000 requests")]);
    await expectCut("too_many_requests");
    await expectGoodServed();
  });
});

describe.each([variants.deltaAds, variants.sotwAds])("$title: a client that makes up", (variant) => {
  it("types loses its own stream with the limit in the message", async () => {
    const { expectGoodServed, expectCut, server } = await worldForTest();
    const bad = clientForTest(server, variant);
    for (let index = 0; index <= 64; index++) bad.send({ typeUrl: `type.googleapis.com/example.T${index}` });
    const { code, details } = await bad.ended;
    expect([code, details]).toEqual([status.RESOURCE_EXHAUSTED, expect.stringContaining("more than 64 types")]);
    await expectCut("too_many_types");
    await expectGoodServed();
  });
});

describe.each(deltaVariants)("$title: a client that comes back with", (variant) => {
  it("versions that it holds which are garbage loses its own stream with INVALID_ARGUMENT", async () => {
    const { expectGoodServed, expectCut, server } = await worldForTest();
    const bad = clientForTest(server, variant, cluster);
    const badEntry = new BinaryWriter().tag(5, WireType.LengthDelimited).bytes(Buffer.from("0aff", "hex")).finish();
    bad.sendBytes(Buffer.concat([nodeField({ 1: "n" }, variant), textField(2, cluster), badEntry]));
    expect((await bad.ended).code).toBe(status.INVALID_ARGUMENT);
    await expectCut("garbage");
    await expectGoodServed();
  });

  it("more versions than any table has loses its own stream with the limit in the message", async () => {
    const { expectGoodServed, expectCut, server } = await worldForTest();
    const bad = clientForTest(server, variant, cluster);
    const entry = Buffer.concat([textField(1, "nowhere"), textField(2, "1")]);
    const field = Buffer.from(new BinaryWriter().tag(5, WireType.LengthDelimited).bytes(entry).finish());
    const entries = Buffer.alloc(500_001 * field.length, field);
    bad.sendBytes(Buffer.concat([nodeField({ 1: "n" }, variant), textField(2, cluster), entries]));
    const { code, details } = await bad.ended;
    expect([code, details]).toEqual([status.RESOURCE_EXHAUSTED, expect.stringContaining("more than 500000")]);
    await expectCut("too_many_names");
    await expectGoodServed();
  });
});

describe("a client that never reads", () => {
  const bigContent = "c".repeat(512 * 1024);

  /** Asks for A of these types, and takes no byte. */
  function silentClient(server: TestXdsServer, variant: XdsVariant, asked: readonly string[]) {
    const { stream, ask } = rawXdsStreamForTest(server.port, variant, "silent");
    for (const typeUrl of asked) ask(typeUrl);
    return stream;
  }

  it.each([variants.deltaAds, variants.sotwAds])(
    "is cut off after a while, without waiting for it to read why ($title)",
    async (variant) => {
      const { expectGoodServed, expectCut, server } = await worldForTest({ limits: { stalledMs: 500 } });
      server.change({ [endpoint]: { A: bigContent }, [route]: { A: bigContent } });
      const silent = silentClient(server, variant, [endpoint, route]);
      const ended = new Promise((resolve) => silent.on("close", resolve));
      await expectCut("never_reads");
      await eventually("its stream is gone", () => server.server.streamCount() === 1);
      await ended;
      expect(silent.rstCode).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      await expectGoodServed();
    },
  );

  it.each([variants.deltaAds, variants.sotwAds])(
    "does not make the server keep what changes meanwhile ($title)",
    async (variant) => {
      const sent: number[] = [];
      const server = await serverForTest({
        hooks: { onResponse: ({ node }, { bytes }) => void (node.id === "silent" && sent.push(bytes)) },
      });
      server.change({ [route]: { A: bigContent }, [cluster]: { A: "1" } });
      const good = subscriberOf(clientForTest(server, variants.deltaAds), variants.deltaAds, cluster);
      good.subscribe();
      await good.accept();
      silentClient(server, variant, [route]);
      await eventually("the first response", () => sent.length > 0);
      for (let change = 0; change < 100; change++) {
        server.change({ [route]: { A: `${change}${bigContent}` }, [cluster]: { A: `2-${change}` } });
        while ((await good.accept()).resources.get("A") !== `2-${change}`);
      }
      expect(sent).toHaveLength(1);
    },
  );
});

describe("a client that refuses everything, for ever,", () => {
  it.each(allVariants)("is sent less and less, and fills no log ($title)", async (variant) => {
    let now = 1_000_000;
    const { expectGoodServed, server } = await worldForTest({ now: () => now });
    const names = Array.from({ length: 40 }, (_, index) => `R${index}`);
    server.change({ [route]: Object.fromEntries(names.map((name) => [name, "1"])) });
    const bad = subscriberForTest(server, variant, route);
    bad.subscribe(...names);
    let refusals = 0;
    const refuse = async () => {
      bad.nack(await bad.receive(), "no");
      refusals++;
      await eventually("the refusal is counted", () => nackCount() === refusals);
    };
    const nackCount = () => server.server.nodes().find(({ nacks }) => nacks.length > 0)?.nackCount;

    while (refusals < 33) await refuse();
    for (const pauseMs of [100, 200, 400, 800]) {
      now += pauseMs - 1;
      // What changes for one stream makes the server look at all.
      await expectGoodServed();
      await expectSilence(server, bad);
      now += 1;
      await expectGoodServed();
      await refuse();
    }
    const told = server.logs.filter(({ message }) => message.startsWith("client refuse"));
    expect(told).toHaveLength(21);
    expect(told.at(-1)?.message).toBe("client refuses again and again; for now only counted");
    await expectGoodServed();
  });
});

describe("a flood of streams", () => {
  const method = `/${discoveryServices[0]?.name}/${discoveryServices[0]?.deltaMethod}`;

  /** Streams over connections of their own that never say who they are; gives the status codes of those that ended. */
  function openMany(server: TestXdsServer, count: number, perConnection: number): number[] {
    const codes: number[] = [];
    for (let opened = 0; opened < count; opened += perConnection) {
      const client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure(), {
        "grpc.use_local_subchannel_pool": 1,
      });
      onTestFinished(() => client.close());
      for (let index = 0; index < perConnection; index++) {
        const call = client.makeBidiStreamRequest(method, identity, identity);
        call.on("error", () => undefined);
        call.on("status", ({ code }) => void codes.push(code));
        call.resume();
      }
    }
    return codes;
  }

  it("ends at the limit of open streams; when some have gone, others are taken", async () => {
    const { expectGoodServed, expectCut, server, cuts } = await worldForTest({
      limits: { streams: 50, firstRequestMs: 2000 },
    });
    const codes = openMany(server, 200, 20);
    await eventually(
      "the others are refused",
      () => codes.filter((code) => code === status.RESOURCE_EXHAUSTED).length === 151,
    );
    await expectCut("too_many_streams", 151);
    await expectGoodServed();
    await eventually("those without a request are ended", () => codes.length === 200);
    expect(codes.filter((code) => code === status.DEADLINE_EXCEEDED)).toHaveLength(49);
    expect(await cuts("no_request")).toBe(49);
    const late = subscriberOf(clientForTest(server, variants.deltaAds), variants.deltaAds, cluster);
    late.subscribe();
    await late.accept();
  });

  it("is let in at a limited rate, and fills no log", async () => {
    let now = 1_000_000;
    const { expectGoodServed, server, cuts } = await worldForTest({
      limits: { streamBurst: 10, streamsPerSecond: 5 },
      now: () => now,
    });
    const codes = openMany(server, 300, 50);
    await eventually("the rest is refused", () => codes.length === 291);
    expect(new Set(codes)).toEqual(new Set([status.RESOURCE_EXHAUSTED]));
    expect(await cuts("too_many_streams")).toBe(291);
    const lines = server.logs.filter(({ level }) => level === "warn");
    expect(lines).toHaveLength(101);
    expect(lines.at(-1)?.message).toBe("many xDS streams are refused; for now only counted");
    now += 1000;
    const later = subscriberOf(clientForTest(server, variants.deltaAds), variants.deltaAds, cluster);
    later.subscribe();
    await later.accept();
    await expectGoodServed();
  });
});

const identity = (bytes: Uint8Array) => Buffer.from(bytes);
