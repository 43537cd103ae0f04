import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ResolveRequestSchema } from "../proto/gen/signalbox/resolver/v1/resolver_pb.js";
import { type ResolverWorld, startResolverWorld } from "./support/resolver.ts";
import { callResolver, grpcClient, postJson } from "./support/resolver-client.ts";

/** The bodies of all OTLP exports (HTTP, protobuf), as the collector got them. */
const exports: { readonly path: string; readonly body: Buffer }[] = [];
const collector = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    exports.push({ path: request.url ?? "", body: Buffer.concat(chunks) });
    response.writeHead(200, { "content-type": "application/x-protobuf" });
    response.end();
  });
});
let world: ResolverWorld;

beforeAll(async () => {
  await new Promise<void>((done) => collector.listen(0, "127.0.0.1", done));
  const { port } = collector.address() as AddressInfo;
  world = await startResolverWorld({
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=a-test",
  });
});

afterAll(async () => {
  await world.stop();
  collector.close();
});

test("spans of both protocols continue the caller's trace, and the last ones are sent at the end", async () => {
  const traceparent = (traceId: string) => ({ traceparent: `00-${traceId}-00f067aa0ba902b7-01` });
  const overHttp = "4bf92f3577b34da6a3ce929d0e0e4736";
  const overGrpc = "0af7651916cd43dd8448eb211c80319c";
  const failing = "1234567890abcdef1234567890abcdef";
  const url = `${world.resolver.url}/v1/resolve`;
  expect((await postJson(url, { objective: "ranking" }, traceparent(overHttp))).status).toBe(200);
  expect((await postJson(url, { objective: "other" }, traceparent(failing))).status).toBe(404);
  const client = grpcClient(world.resolver.grpcAddress);
  await callResolver(client, "Resolve", create(ResolveRequestSchema, { objective: "ranking" }), traceparent(overGrpc));
  client.close();
  await world.resolver.stop("SIGTERM");
  expect(await world.resolver.ended).toBe(0);
  expect(new Set(exports.map(({ path }) => path))).toEqual(new Set(["/v1/traces"]));
  const sent = Buffer.concat(exports.map(({ body }) => body));
  for (const traceId of [overHttp, overGrpc, failing]) expect(sent.includes(Buffer.from(traceId, "hex"))).toBe(true);
  for (const text of [
    "signalbox-resolver",
    "a-test",
    "POST /v1/resolve",
    "signalbox.resolver.v1.Resolver/Resolve",
    "There is no objective default/other",
  ]) {
    expect(sent.includes(text), text).toBe(true);
  }
});
