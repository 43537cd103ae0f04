import { createHash } from "node:crypto";
import { connect } from "node:http2";
import { Metadata } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createEchoGrpcClient } from "./support/echo-grpc.ts";
import { type EchoServer, startEchoServer } from "./support/echo-server.ts";

let server: EchoServer;
const url = () => `http://127.0.0.1:${server.http1Port}`;
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

beforeAll(async () => {
  server = await startEchoServer({ name: "under-test" });
});
afterAll(() => server.stop());

test("a body's hash and length come back in headers, whatever the path", async () => {
  const body = Buffer.alloc(3_000_000, "signalbox");
  const response = await fetch(`${url()}/v2/models/m/versions/1/infer?a=b`, {
    method: "POST",
    body,
    headers: { "x-test": "1" },
  });
  expect(response.headers.get("x-body-sha256")).toBe(sha256(body));
  expect(response.headers.get("x-body-bytes")).toBe("3000000");
  expect(response.headers.get("x-echo-server")).toBe("under-test");
  expect(server.received.at(-1)).toMatchObject({
    protocol: "http1",
    path: "/v2/models/m/versions/1/infer?a=b",
    headers: { "x-test": "1" },
  });
});

test("a body is sent back as it is over HTTP/2, with its hash in the trailers", async () => {
  const session = connect(`http://127.0.0.1:${server.http2Port}`);
  const stream = session.request({ ":method": "POST", ":path": "/x/echo" });
  const trailers = new Promise<Record<string, unknown>>((resolve) => stream.once("trailers", resolve));
  const body = Buffer.alloc(1_000_000, "abc");
  stream.end(body);
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  expect(Buffer.concat(chunks).equals(body)).toBe(true);
  expect((await trailers)["x-body-sha256"]).toBe(sha256(body));
  session.close();
});

test("events arrive one by one, and a status or a cut connection is as asked", async () => {
  const events = await (await fetch(`${url()}/sse?count=3&intervalMs=1`, { method: "POST" })).text();
  expect(events).toBe('data: {"tick":1}\n\ndata: {"tick":2}\n\ndata: {"tick":3}\n\n');
  expect((await fetch(`${url()}/a/status?code=429`)).status).toBe(429);
  await expect(fetch(`${url()}/reset`)).rejects.toThrow();
  await expect(fetch(`${url()}/reset?after=headers`).then((response) => response.text())).rejects.toThrow();
});

test("health follows setHealthy", async () => {
  expect((await fetch(`${url()}/v2/health/ready`)).status).toBe(200);
  server.setHealthy(false);
  expect((await fetch(`${url()}/v2/health/ready`)).status).toBe(503);
  server.setHealthy(true);
});

test("gRPC messages are hashed or sent back", async () => {
  const client = createEchoGrpcClient(`127.0.0.1:${server.grpcPort}`);
  const metadata = new Metadata();
  metadata.set("x-routing-key", "a/b/c@1");
  const messages = [Buffer.from("one"), Buffer.alloc(5_000_000, 1)];
  const received = await client.collect(messages, metadata);
  expect(received).toMatchObject({ bytes: 5_000_003, sha256: sha256(Buffer.concat(messages)) });
  expect(received.headers["x-routing-key"]).toBe("a/b/c@1");
  expect((await client.stream(messages, metadata)).map((message) => message.length)).toEqual([3, 5_000_000]);
  client.close();
});
