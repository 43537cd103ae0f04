import { connect } from "node:http2";
import { createServer, type Server, type Socket } from "node:net";
import { Metadata } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createEchoGrpcClient } from "./support/echo-grpc.ts";
import { type EchoServer, type Received, startEchoServer } from "./support/echo-server.ts";
import { freePort } from "./support/ports.ts";
import { eventually } from "./support/processes.ts";
import { type RoutedEnvoy, startRoutedEnvoy } from "./support/routed-envoy.ts";
import { sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";

let routed: RoutedEnvoy;
let a: EchoServer;
let b: EchoServer;
let silent: Server;
const sockets = new Set<Socket>();
let revision: number;

/** A port that nothing listens on. */
const closedPort = 1;

beforeAll(async () => {
  [a, b] = await Promise.all([startEchoServer({ name: "a" }), startEchoServer({ name: "b" })]);
  const silentPort = await freePort();
  // Accepts connections and never answers.
  silent = createServer((socket) => void sockets.add(socket.on("error", () => undefined)));
  await new Promise<void>((resolve) => silent.listen({ port: silentPort, host: "127.0.0.1" }, resolve));
  routed = await startRoutedEnvoy();
  const rejecting = { policy: { onUnknownKey: "reject" as const } };
  const one = { maxConnections: 1, maxPendingRequests: 1, maxRequests: 1 };
  revision = await routed.publish([
    sampleShard("pool-a", [a.http1Port], { healthCheck: { path: "/ready", intervalMs: 200 } }),
    sampleShard("pool-b", [b.http2Port], { protocol: "http2", healthCheck: { path: "/ready", intervalMs: 200 } }),
    sampleShard("pool-dns", [], { dns: { hostname: "localhost", port: a.http1Port }, endpoints: undefined }),
    sampleShard("pool-grpc", [a.grpcPort], { protocol: "grpc", healthCheck: {} }),
    sampleShard("dead", [closedPort]),
    sampleShard("dead-grpc", [closedPort], { protocol: "grpc" }),
    sampleShard("silent-grpc", [silentPort], { protocol: "grpc" }),
    sampleShard("half-dead", [closedPort, a.http1Port]),
    sampleShard("narrow", [a.http1Port], { limits: one }),
    sampleModel("ranker", { "7": ["pool-a"], "8": ["pool-b"] }, "open-inference"),
    sampleModel("tf", { "1": ["pool-a"] }, "tensorflow-serving"),
    sampleModel("chat", { "1": ["pool-a"] }, "openai"),
    sampleModel("cloud", { "1": ["pool-a"] }, "sagemaker"),
    sampleModel("plain", {
      "1": ["pool-a"],
      dns: ["pool-dns"],
      dead: ["dead"],
      "half-dead": ["half-dead"],
      narrow: ["narrow"],
    }),
    sampleModel("digits", { "1": ["pool-grpc"], dead: ["dead-grpc"], silent: ["silent-grpc"] }),
    sampleObjective("strict", "ranker", "7", rejecting),
    sampleObjective("paths", "plain", "1", {
      rules: [
        { name: "tf", when: { to: "tf" }, serve: { model: "tf", version: "1" } },
        { name: "chat", when: { to: "chat" }, serve: { model: "chat", version: "1" } },
        { name: "cloud", when: { to: "cloud" }, serve: { model: "cloud", version: "1" } },
      ],
    }),
    sampleObjective("impatient", "plain", "1", { policy: { timeoutMs: 200, retries: 0 } }),
    sampleObjective("reading", "digits", "1", rejecting),
    sampleObjective("impatient-reading", "digits", "1", { policy: { timeoutMs: 200 } }),
    sampleObjective("ranking", "ranker", "7"),
  ]);
});

afterAll(async () => {
  await routed?.stop();
  for (const socket of sockets) socket.destroy();
  silent?.close();
  await Promise.all([a?.stop(), b?.stop()]);
});

type Failure = { readonly error: Readonly<Record<string, string>> };

async function call(key: string | undefined, path = "/infer", headers: Record<string, string> = {}) {
  const response = await fetch(`${routed.url}${path}`, {
    method: "POST",
    headers: { ...(key === undefined ? {} : { "x-routing-key": key }), ...headers },
    body: "hello",
  });
  return { response, body: (await response.json()) as Received & Failure };
}

async function pathAt(key: string, path: string): Promise<string> {
  return (await call(key, path)).body.path;
}

describe("a request with a routing key", () => {
  test("reaches the version that it names, over HTTP/1.1 and HTTP/2, and says so in the answer", async () => {
    for (const [version, server] of [
      ["7", "a"],
      ["8", "b"],
    ]) {
      const { response, body } = await call(`default/ranking/ranker@${version}`, "/infer?trace=1");
      expect(response.status).toBe(200);
      expect(Object.fromEntries(response.headers)).toMatchObject({
        "x-echo-server": server,
        "x-signalbox-model": `ranker@${version}`,
        "x-signalbox-shard": `default/pool-${server}`,
        "x-signalbox-revision": String(revision),
        server: "signalbox",
      });
      expect(response.headers.has("x-signalbox-fallback")).toBe(false);
      expect(body.path).toBe(`/v2/models/ranker/versions/${version}/infer?trace=1`);
      expect(body.headers).toMatchObject({
        "x-signalbox-model": `ranker@${version}`,
        "x-routing-key": `default/ranking/ranker@${version}`,
        "x-signalbox-traffic-class": "real",
      });
    }
  });

  test("keeps its traffic class, client, decision and request id, in the request and in the access log", async () => {
    const given = {
      "x-signalbox-traffic-class": "synthetic",
      "x-signalbox-client": "homepage",
      "x-signalbox-decision": "objective=default/ranking",
      "x-request-id": "11111111-2222-4333-8444-555555555555",
    };
    const { response, body } = await call("default/ranking/ranker@7", "/infer", given);
    expect(body.headers).toMatchObject(given);
    expect(response.headers.get("x-request-id")).toBe(given["x-request-id"]);
    const line = await eventually("the line of the request", async () =>
      (await routed.accessLog()).find(({ requestId }) => requestId === given["x-request-id"]),
    );
    expect(line).toMatchObject({
      event: "request",
      listener: "keyed",
      routingKey: "default/ranking/ranker@7",
      decision: given["x-signalbox-decision"],
      trafficClass: "synthetic",
      client: "homepage",
      model: "ranker@7",
      shard: "default/pool-a",
      revision: String(revision),
      status: 200,
      responseFlags: "-",
      bytesReceived: 5,
      upstreamAttempts: 1,
    });
  });

  test("falls back to the objective's default when the objective does not know the version", async () => {
    const { response, body } = await call("default/ranking/ranker@99");
    expect(response.headers.get("x-signalbox-fallback")).toBe("unknown-key");
    expect(response.headers.get("x-signalbox-model")).toBe("ranker@7");
    expect(body.path).toBe("/v2/models/ranker/versions/7/infer");
  });

  test("gets the path of each protocol", async () => {
    const tf = "default/paths/tf@1";
    expect(await pathAt(tf, "/infer?a=b")).toBe("/v1/models/tf/versions/1:predict?a=b");
    expect(await pathAt(tf, "/classify")).toBe("/v1/models/tf/versions/1:classify");
    expect(await pathAt(tf, "/metadata")).toBe("/v1/models/tf/versions/1/metadata");
    const chat = "default/paths/chat@1";
    expect(await pathAt(chat, "/infer?a=b")).toBe("/v1/chat/completions?a=b");
    expect(await pathAt(chat, "/embeddings")).toBe("/v1/embeddings");
    expect(await pathAt(chat, "/v1/embeddings")).toBe("/v1/embeddings");
    expect(await pathAt("default/paths/cloud@1", "/infer")).toBe("/invocations");
    expect(await pathAt("default/paths/cloud@1", "/other?x")).toBe("/other?x");
    expect(await pathAt("default/paths/plain@1", "/a/b?c=d")).toBe("/a/b?c=d");
    expect(await pathAt("default/ranking/ranker@7", "/../../8/infer")).toBe("/v2/models/ranker/versions/7/8/infer");
  });

  test("reaches a shard whose host Envoy resolves by DNS", async () => {
    expect((await call("default/paths/plain@dns")).response.headers.get("x-echo-server")).toBe("a");
  });

  test("is tried on another host when the first one cannot be reached", async () => {
    for (let n = 0; n < 10; n++) expect((await call("default/paths/plain@half-dead")).response.status).toBe(200);
  });

  test("cannot bring time limits, retries or a cluster of its own", async () => {
    const headers = {
      "x-envoy-upstream-rq-timeout-ms": "1",
      "x-envoy-retry-on": "5xx",
      "x-envoy-max-retries": "3",
      "x-signalbox-shard": "xds_server",
    };
    const before = a.received.length;
    const slow = await call("default/ranking/ranker@7", "/slow?delayMs=100", headers);
    expect(slow.response.status).toBe(200);
    expect(slow.response.headers.get("x-signalbox-shard")).toBe("default/pool-a");
    const failing = await call("default/ranking/ranker@7", "/status?code=503", headers);
    expect(failing.response.status).toBe(503);
    expect(a.received.length - before).toBe(2);
  });
});

describe("what Envoy answers by itself is the documented JSON", () => {
  const failures: readonly (readonly [string, string | undefined, string, number, string])[] = [
    ["without a routing key", undefined, "/infer", 400, "missing_routing_key"],
    ["for an unknown objective", "default/nope/ranker@7", "/infer", 404, "unknown_objective"],
    ["for a known objective in the wrong namespace", "games/ranking/ranker@7", "/infer", 404, "unknown_objective"],
    ["for a key that is none", 'quo"te\\', "/infer", 404, "unknown_objective"],
    ["for an unknown version where unknown keys are rejected", "default/strict/a@1", "/infer", 404, "unknown_version"],
    ["for a shard that is down", "default/paths/plain@dead", "/infer", 503, "shard_unavailable"],
    ["for a model that is too slow", "default/impatient/plain@1", "/slow?delayMs=2000", 504, "timeout"],
    ["for a model that breaks off", "default/paths/plain@1", "/reset", 503, "model_disconnected"],
    ["for a path with escaped slashes", "default/ranking/ranker@7", "/..%2f8/infer", 400, "request_refused"],
  ];
  test.each(failures)("%s", async (_what, key, path, status, code) => {
    const { response, body } = await call(key, path);
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(body.error).toMatchObject({ code, message: expect.any(String), remedy: expect.any(String) });
    expect(body.error.routingKey).toBe(key);
  });

  test("for headers that are too large, or too many", async () => {
    const many = Object.fromEntries(Array.from({ length: 150 }, (_, index) => [`x-h${index}`, "1"]));
    for (const headers of [{ "x-large": "y".repeat(40_000) }, many]) {
      const { response, body } = await call("default/ranking/ranker@7", "/infer", headers);
      expect(response.status).toBe(431);
      expect(body.error.code).toBe("headers_too_large");
    }
  });

  test("for more requests than the limits of the shard allow", async () => {
    const calls = Array.from({ length: 6 }, () => call("default/paths/plain@narrow", "/slow?delayMs=300"));
    const results = await Promise.all(calls);
    const refused = results.filter(({ response }) => response.status === 503);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(results.length);
    for (const { body } of refused) expect(body.error.code).toBe("overloaded");
  });

  test("and never in place of what a model answers", async () => {
    for (const code of [400, 404, 500, 503, 504]) {
      const { response, body } = await call("default/paths/plain@1", `/status?code=${code}`);
      expect(response.status).toBe(code);
      expect(body.error).toBeUndefined();
      expect(body.bytes).toBe(5);
    }
  });

  test("for gRPC callers, with the status of gRPC that says the same", async () => {
    const client = createEchoGrpcClient(`127.0.0.1:${routed.port}`);
    const failure = async (key: string | undefined) => {
      const metadata = new Metadata();
      if (key !== undefined) metadata.set("x-routing-key", key);
      const error = await client.collect([Buffer.from("hello")], metadata).then(
        () => undefined,
        (reason: { readonly code: number; readonly details: string }) => reason,
      );
      return [error?.code, (JSON.parse(error?.details ?? "{}") as Failure).error.code];
    };
    expect(await failure(undefined)).toEqual([3, "missing_routing_key"]);
    expect(await failure("default/nope/digits@1")).toEqual([5, "unknown_objective"]);
    expect(await failure("default/reading/digits@2")).toEqual([5, "unknown_version"]);
    expect(await failure("default/reading/digits@dead")).toEqual([14, "shard_unavailable"]);
    expect(await failure("default/impatient-reading/digits@silent")).toEqual([4, "timeout"]);
    client.close();
  });
});

describe("other protocols", () => {
  test("a gRPC stream passes both ways, its path unchanged", async () => {
    const client = createEchoGrpcClient(`127.0.0.1:${routed.port}`);
    const metadata = new Metadata();
    metadata.set("x-routing-key", "default/reading/digits@1");
    const messages = ["one", "two", "three"].map((text) => Buffer.from(text));
    expect(await client.stream(messages, metadata)).toEqual(messages);
    expect((await client.collect(messages, metadata)).path).toBe("/signalbox.test.Echo/Collect");
    client.close();
  });

  test("HTTP/2 without TLS is spoken on the same port", async () => {
    const session = connect(routed.url);
    const request = session.request({
      ":method": "POST",
      ":path": "/infer",
      "x-routing-key": "default/ranking/ranker@8",
    });
    request.end("hello");
    const headers = await new Promise<Record<string, unknown>>((resolve, reject) => {
      request.once("response", resolve).once("error", reject);
    });
    request.resume();
    expect(headers[":status"]).toBe(200);
    expect(headers["x-signalbox-model"]).toBe("ranker@8");
    session.destroy();
  });
});

test("Envoy refuses nothing that it is sent", async () => {
  expect(routed.nacks()).toEqual([]);
  expect(await routed.envoy.stat("cluster_manager.cds.update_rejected")).toBe(0);
  expect(await routed.envoy.stat("listener_manager.lds.update_rejected")).toBe(0);
});
