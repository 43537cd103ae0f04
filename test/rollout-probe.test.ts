import { afterAll, beforeAll, expect, test } from "vitest";
import { shardSchema } from "../config/documents/shard.ts";
import { probeHost } from "../xds-server/readiness/probe.ts";
import { type EchoServer, startEchoServer } from "./support/echo-server.ts";
import { sampleShard } from "./support/sample-documents.ts";

let echo: EchoServer;

beforeAll(async () => {
  echo = await startEchoServer();
});
afterAll(async () => {
  await echo?.stop();
});

function probe(port: number, spec: object): Promise<string | null> {
  return probeHost({ address: "127.0.0.1", port, spec: shardSchema.parse(sampleShard("s", [port], spec)).spec });
}

const ways = [
  ["HTTP/1.1", () => echo.http1Port, { healthCheck: { path: "/ready" } }],
  ["HTTP/2", () => echo.http2Port, { protocol: "http2", healthCheck: { path: "/ready" } }],
  ["the gRPC health protocol", () => echo.grpcPort, { protocol: "grpc", healthCheck: {} }],
] as const;

test.each(ways)("a host is asked over %s, and believed", async (_, port, spec) => {
  expect(await probe(port(), spec)).toBeNull();
  echo.setHealthy(false);
  expect(await probe(port(), spec)).toMatch(/503|NOT_SERVING/);
  echo.setHealthy(true);
});

test("without a health check, it is enough that it takes connections", async () => {
  expect(await probe(echo.http1Port, {})).toBeNull();
  expect(await probe(1, {})).toContain("ECONNREFUSED");
});

test("a host that never answers is given up after the check's time limit", async () => {
  expect(await probe(echo.http1Port, { healthCheck: { path: "/slow?delayMs=30000", timeoutMs: 200 } })).toBe(
    "does not answer within 200 ms",
  );
});
