import { createHash, randomBytes } from "node:crypto";
import { request } from "node:http";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { Metadata } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createEchoGrpcClient } from "./support/echo-grpc.ts";
import { type EchoServer, startEchoServer } from "./support/echo-server.ts";
import { type RoutedEnvoy, startRoutedEnvoy } from "./support/routed-envoy.ts";
import { sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";

let routed: RoutedEnvoy;
let upstream: EchoServer;

beforeAll(async () => {
  upstream = await startEchoServer();
  routed = await startRoutedEnvoy();
  await routed.publish([
    sampleShard("http1", [upstream.http1Port]),
    sampleShard("http2", [upstream.http2Port], { protocol: "http2" }),
    sampleShard("grpc", [upstream.grpcPort], { protocol: "grpc" }),
    sampleModel("ranker", { "1": ["http1"], "2": ["http2"] }),
    sampleModel("digits", { "1": ["grpc"] }),
    sampleObjective("ranking", "ranker", "1", {
      shadow: [{ model: "ranker", version: "2", percent: 100 }],
      policy: { timeoutMs: 0 },
    }),
    sampleObjective("alone", "ranker", "2"),
    sampleObjective("reading", "digits", "1"),
  ]);
});

afterAll(async () => {
  await routed?.stop();
  await upstream?.stop();
});

const sha256 = (body: Uint8Array) => createHash("sha256").update(body).digest("hex");
const megabyte = 1024 * 1024;

type Sent = { readonly body: Buffer; readonly chunked?: boolean; readonly headers?: Record<string, string> };

/** Sends a body by `node:http`, which leaves it and its framing alone. */
async function post(path: string, key: string, { body, chunked = false, headers = {} }: Sent) {
  const length = chunked ? {} : { "content-length": String(body.length) };
  const outgoing = request(`${routed.url}${path}`, {
    method: "POST",
    headers: { "x-routing-key": key, ...length, ...headers },
  });
  const answer = new Promise<import("node:http").IncomingMessage>((resolve, reject) => {
    outgoing.once("response", resolve).once("error", reject);
  });
  Readable.from(chunks(body)).pipe(outgoing);
  const response = await answer;
  return { response, body: await buffer(response) };
}

function* chunks(body: Buffer): Generator<Buffer> {
  for (let at = 0; at < body.length; at += 65_536) yield body.subarray(at, at + 65_536);
}

describe("a body passes untouched, both ways", () => {
  const sizes = [
    ["0 bytes", 0],
    ["1 byte", 1],
    ["1 KB", 1024],
    ["1 MB", megabyte],
    ["10 MB", 10 * megabyte],
  ] as const;
  for (const [name, size] of sizes) {
    for (const chunked of [false, true]) {
      for (const key of ["default/ranking/ranker@1", "default/alone/ranker@2"]) {
        test(`${name}${chunked ? ", chunked" : ""}, for ${key}`, async () => {
          const sent = randomBytes(size);
          const { response, body } = await post("/echo", key, { body: sent, chunked });
          expect(response.statusCode).toBe(200);
          expect(sha256(body)).toBe(sha256(sent));
        });
      }
    }
  }

  test("compressed, with its content encoding", async () => {
    const sent = gzipSync(Buffer.alloc(megabyte, "inference "));
    const headers = { "content-encoding": "gzip", "content-type": "application/json" };
    const { body } = await post("/infer", "default/ranking/ranker@1", { body: sent, headers });
    const received = JSON.parse(body.toString());
    expect(received).toMatchObject({ bytes: sent.length, sha256: sha256(sent), headers });
  });

  test("50 MB, without Envoy's memory growing, shadow included", async () => {
    const allocated = async () => Number(JSON.parse(await routed.envoy.admin("/memory")).allocated);
    const sent = randomBytes(50 * megabyte);
    await post("/infer", "default/ranking/ranker@1", { body: Buffer.from("warm") });
    const before = await allocated();
    let highest = 0;
    const watch = setInterval(() => void allocated().then((now) => (highest = Math.max(highest, now))), 10);
    const { body } = await post("/echo", "default/ranking/ranker@1", { body: sent });
    clearInterval(watch);
    expect(sha256(body)).toBe(sha256(sent));
    expect(highest).toBeGreaterThan(0);
    // Windows of 1 MiB on each side and direction, and what a copy for a shadow may have: 4 MiB.
    expect(highest - before).toBeLessThan(16 * megabyte);
  });

  test("a gRPC stream of 32 MB in messages of 1 MB", async () => {
    const client = createEchoGrpcClient(`127.0.0.1:${routed.port}`);
    const metadata = new Metadata();
    metadata.set("x-routing-key", "default/reading/digits@1");
    const messages = Array.from({ length: 32 }, () => randomBytes(megabyte));
    const received = await client.collect(messages, metadata);
    client.close();
    expect(received).toMatchObject({ bytes: 32 * megabyte, sha256: sha256(Buffer.concat(messages)) });
  });
});

test("server-sent events arrive one by one, while the stream is open", async () => {
  const response = await fetch(`${routed.url}/sse?count=4&intervalMs=200`, {
    method: "POST",
    headers: { "x-routing-key": "default/ranking/ranker@1" },
    body: "hello",
  });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const reads: string[] = [];
  for await (const chunk of response.body ?? []) reads.push(Buffer.from(chunk).toString());
  expect(reads.filter((text) => text !== "")).toEqual([1, 2, 3, 4].map((tick) => `data: {"tick":${tick}}\n\n`));
});
