import { createServer, type Server, type Socket } from "node:net";
import { Metadata } from "@grpc/grpc-js";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createEchoGrpcClient } from "./support/echo-grpc.ts";
import { type EchoServer, type Received, startEchoServer } from "./support/echo-server.ts";
import { freePort } from "./support/ports.ts";
import { eventually } from "./support/processes.ts";
import { type RoutedEnvoy, startRoutedEnvoy } from "./support/routed-envoy.ts";
import { sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";

let routed: RoutedEnvoy;
let primary: EchoServer;
let shadow: EchoServer;
let other: EchoServer;
let stuck: Server;
const stuckSockets = new Set<Socket>();

const always = (version: string, model = "ranker") => ({ model, version, percent: 100 });

beforeAll(async () => {
  [primary, shadow, other] = (await Promise.all(
    ["primary", "shadow", "other"].map((name) => startEchoServer({ name })),
  )) as [EchoServer, EchoServer, EchoServer];
  const stuckPort = await freePort();
  // Accepts connections and never reads.
  stuck = createServer((socket) => {
    socket.pause();
    socket.on("error", () => undefined);
    stuckSockets.add(socket);
  });
  await new Promise<void>((resolve) => stuck.listen({ port: stuckPort, host: "127.0.0.1" }, resolve));
  routed = await startRoutedEnvoy();
  await routed.publish([
    sampleShard("primary", [primary.http1Port]),
    sampleShard("shadow", [shadow.http1Port]),
    sampleShard("other", [other.http2Port], { protocol: "http2" }),
    sampleShard("stuck", [stuckPort]),
    sampleShard("grpc-a", [primary.grpcPort], { protocol: "grpc" }),
    sampleShard("grpc-b", [shadow.grpcPort], { protocol: "grpc" }),
    sampleModel(
      "ranker",
      { "7": ["primary"], "8": ["shadow"], "9": ["other"], both: ["shadow", "other"], stuck: ["stuck"] },
      "open-inference",
    ),
    sampleModel("tf", { "2": ["shadow"] }, "tensorflow-serving"),
    sampleModel("digits", { "1": ["grpc-a"], "2": ["grpc-b"] }),
    sampleObjective("one", "ranker", "7", { shadow: [always("8")] }),
    sampleObjective("two", "ranker", "7", { shadow: [always("8"), always("9")] }),
    sampleObjective("spread", "ranker", "7", { shadow: [always("both")] }),
    sampleObjective("some", "ranker", "7", { shadow: [{ model: "ranker", version: "both", percent: 20 }] }),
    sampleObjective("stalled", "ranker", "7", { shadow: [always("stuck")] }),
    sampleObjective("other-protocol", "ranker", "7", { shadow: [always("2", "tf")] }),
    sampleObjective("grpc", "digits", "1", { shadow: [always("2", "digits")] }),
  ]);
});

afterAll(async () => {
  await routed?.stop();
  for (const socket of stuckSockets) socket.destroy();
  stuck?.close();
  await Promise.all([primary?.stop(), shadow?.stop(), other?.stop()]);
});

/** What each server had received when the test began. */
let before: { readonly primary: number; readonly shadow: number; readonly other: number };
beforeEach(() => {
  before = { primary: primary.received.length, shadow: shadow.received.length, other: other.received.length };
});
const fresh = (server: "primary" | "shadow" | "other"): readonly Received[] =>
  ({ primary, shadow, other })[server].received.slice(before[server]);

async function send(
  key: string,
  body: string | Uint8Array<ArrayBuffer> = "hello",
  path = "/infer?q=1",
  headers: Record<string, string> = {},
) {
  const response = await fetch(`${routed.url}${path}`, {
    method: "POST",
    headers: { "x-routing-key": `default/${key}`, ...headers },
    body,
  });
  expect(response.status).toBe(200);
  return (await response.json()) as Received;
}

/** Long enough for a copy that should not be there to arrive. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 300));

describe("a shadow", () => {
  test("gets the same body on its own path, marked as a shadow", async () => {
    const answer = await send("one/ranker@7", "hello", "/infer?q=1", { "x-signalbox-client": "homepage" });
    expect(answer.path).toBe("/v2/models/ranker/versions/7/infer?q=1");
    expect(answer.headers["x-signalbox-traffic-class"]).toBe("real");
    const copy = await eventually("the copy", () => fresh("shadow")[0]);
    expect(copy).toMatchObject({
      method: "POST",
      path: "/v2/models/ranker/versions/8/infer?q=1",
      sha256: answer.sha256,
      headers: {
        host: answer.headers.host,
        "x-routing-key": "default/one/ranker@8",
        "x-signalbox-model": "ranker@8",
        "x-signalbox-traffic-class": "shadow",
        "x-signalbox-client": "homepage",
        "x-request-id": answer.headers["x-request-id"],
      },
    });
    expect(copy.headers["x-signalbox-path"]).toBeUndefined();
    await settled();
    expect(fresh("shadow")).toHaveLength(1);
    expect(fresh("primary")).toHaveLength(1);
  });

  test("of another protocol gets the path of that protocol", async () => {
    await send("other-protocol/ranker@7");
    const copy = await eventually("the copy", () => fresh("shadow")[0]);
    expect(copy.path).toBe("/v1/models/tf/versions/2:predict?q=1");
  });

  test("gets no copy of requests that it answers itself", async () => {
    await send("one/ranker@8");
    await settled();
    expect(fresh("shadow")).toHaveLength(1);
    expect(fresh("primary")).toHaveLength(0);
  });

  test("is not the source of copies for other shadows", async () => {
    await send("two/ranker@7");
    await eventually("both copies", () => fresh("shadow").length > 0 && fresh("other").length > 0);
    await settled();
    expect([fresh("primary").length, fresh("shadow").length, fresh("other").length]).toEqual([1, 1, 1]);
    expect(fresh("other")[0]?.path).toBe("/v2/models/ranker/versions/9/infer?q=1");
    await send("two/ranker@8");
    await eventually("the copy of a request that another shadow answers", () => fresh("other").length === 2);
  });

  test("also gets copies of requests that fall back to the default", async () => {
    await send("one/ranker@99");
    const copy = await eventually("the copy", () => fresh("shadow")[0]);
    expect(copy.path).toBe("/v2/models/ranker/versions/8/infer?q=1");
  });

  test("that lives on two shards gets each copy on one of them, by their weights", async () => {
    const requests = 60;
    for (let n = 0; n < requests; n++) await send("spread/ranker@7");
    await eventually("all copies", () => fresh("shadow").length + fresh("other").length === requests);
    await settled();
    expect(fresh("shadow").length + fresh("other").length).toBe(requests);
    expect(fresh("shadow").length).toBeGreaterThan(requests / 6);
    expect(fresh("other").length).toBeGreaterThan(requests / 6);
  });

  test("of a part of the requests gets copies on both of its shards too", async () => {
    const requests = 400;
    for (let n = 0; n < requests; n++) await send("some/ranker@7");
    await settled();
    const copies = fresh("shadow").length + fresh("other").length;
    // 5 standard deviations around a fifth.
    expect(Math.abs(copies - requests * 0.2)).toBeLessThan(5 * Math.sqrt(requests * 0.2 * 0.8));
    expect(fresh("shadow").length).toBeGreaterThan(0);
    expect(fresh("other").length).toBeGreaterThan(0);
  });

  test("appears in the access log with its model, shard and traffic class", async () => {
    const requestId = "22222222-2222-4333-8444-555555555555";
    await send("one/ranker@7", "hello", "/infer", { "x-request-id": requestId });
    const lines = await eventually("both lines", async () => {
      const found = (await routed.accessLog()).filter((line) => line.requestId === requestId);
      return found.length === 2 && found;
    });
    expect(lines.find(({ listener }) => listener === "shadow")).toMatchObject({
      trafficClass: "shadow",
      routingKey: "default/one/ranker@8",
      model: "ranker@8",
      shard: "default/shadow",
      status: 200,
    });
  });

  test("over gRPC gets the messages of the stream", async () => {
    const client = createEchoGrpcClient(`127.0.0.1:${routed.port}`);
    const metadata = new Metadata();
    metadata.set("x-routing-key", "default/grpc/digits@1");
    const answer = await client.collect([Buffer.from("one"), Buffer.from("two")], metadata);
    client.close();
    const copy = await eventually("the copy", () => fresh("shadow")[0]);
    expect(copy).toMatchObject({ protocol: "grpc", path: answer.path, sha256: answer.sha256 });
    expect(copy.headers["x-routing-key"]).toBe("default/grpc/digits@2");
  });
});

describe("a shadow never hurts the primary", () => {
  const allocated = async () =>
    Number((JSON.parse(await routed.envoy.admin("/memory")) as { allocated: string }).allocated);
  const megabyte = 1024 * 1024;

  test("when it does not read: large requests are answered as if it were not there", async () => {
    const body = Buffer.alloc(20 * megabyte, 7);
    for (let n = 0; n < 3; n++) expect((await send("stalled/ranker@7", body)).bytes).toBe(body.length);
  });

  test("and copies of large requests are given up instead of kept in memory", async () => {
    const body = Buffer.alloc(50 * megabyte, 7);
    const memoryBefore = await allocated();
    expect((await send("one/ranker@7", body)).bytes).toBe(body.length);
    expect((await allocated()) - memoryBefore).toBeLessThan(8 * megabyte);
    await settled();
    expect(fresh("shadow").filter(({ bytes }) => bytes > 4 * megabyte)).toEqual([]);
  });

  test("while copies up to the limit arrive whole", async () => {
    const body = Buffer.alloc(4 * megabyte - 1024, 7);
    const answer = await send("one/ranker@7", body);
    const copy = await eventually("the copy", () => fresh("shadow")[0]);
    expect(copy.sha256).toBe(answer.sha256);
  });
});
