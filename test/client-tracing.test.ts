import { Metadata } from "@grpc/grpc-js";
import { SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { createSignalbox } from "../client/index.ts";
import { createEchoGrpcClient } from "./support/echo-grpc.ts";
import { type EchoServer, type Received, startEchoServer } from "./support/echo-server.ts";
import { type ResolverWorld, startResolverWorld } from "./support/resolver.ts";

const exporter = new InMemorySpanExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
let world: ResolverWorld;
/** In the place of Envoy: what a client sends is the same. */
let echo: EchoServer;

beforeAll(async () => {
  provider.register();
  [world, echo] = await Promise.all([startResolverWorld(), startEchoServer()]);
});

afterAll(async () => {
  await provider.shutdown();
  await Promise.all([world.stop(), echo.stop()]);
});

beforeEach(() => exporter.reset());

function makeClient() {
  const client = createSignalbox({
    resolverUrl: world.resolver.url,
    envoyUrl: `http://127.0.0.1:${echo.http1Port}`,
    timeoutMs: 20_000,
  });
  onTestFinished(() => client.close());
  return client;
}

const spanNamed = (name: string) => exporter.getFinishedSpans().filter((span) => span.name === name);

test("resolving and inferring are client spans of the caller's trace, and the model gets the trace", async () => {
  const client = makeClient();
  const tracer = trace.getTracer("test");
  const traceId = await tracer.startActiveSpan("caller", async (span) => {
    const { response } = await client.infer("ranking", { userId: "u1", device: "kiosk" }, "{}", { path: "/hash" });
    span.end();
    const { headers } = (await response.json()) as Received;
    expect(headers.traceparent).toContain(span.spanContext().traceId);
    return span.spanContext().traceId;
  });
  const [resolve] = spanNamed("signalbox.resolve");
  const [infer] = spanNamed("signalbox.infer");
  for (const span of [resolve, infer]) {
    expect(span?.kind).toBe(SpanKind.CLIENT);
    expect(span?.spanContext().traceId).toBe(traceId);
  }
  expect(resolve?.attributes).toEqual({ "signalbox.namespace": "default", "signalbox.objectives": ["ranking"] });
  expect(infer?.attributes).toEqual({
    "signalbox.objective": "default/ranking",
    "signalbox.routing_key": "default/ranking/ranker@8",
    "signalbox.source": "resolver",
    "http.response.status_code": 200,
  });
});

test("what is sent by fetch or by gRPC carries the trace on as well", async () => {
  const client = makeClient();
  await trace.getTracer("test").startActiveSpan("caller", async (span) => {
    const { traceId } = span.spanContext();
    const wrapped = client.fetch("ranking", { userId: "u1" });
    const { headers } = (await (await wrapped("/hash", { method: "POST", body: "x" })).json()) as Received;
    expect(headers.traceparent).toContain(traceId);
    const interceptor = client.interceptor("ranking", { userId: "u1" });
    const grpc = createEchoGrpcClient(`127.0.0.1:${echo.grpcPort}`, [interceptor]);
    onTestFinished(grpc.close);
    const received = await grpc.collect([Buffer.from("x")], new Metadata());
    expect(received.headers.traceparent).toContain(traceId);
    span.end();
  });
});

test("an answer from the cache asks nobody, and has no span", async () => {
  const client = makeClient();
  await client.resolve("ranking", { userId: "u1" });
  await client.resolve("ranking", { userId: "u1" });
  expect(spanNamed("signalbox.resolve")).toHaveLength(1);
});

test("what fails is marked as failed", async () => {
  const client = makeClient();
  await client.ready;
  await client.infer("ranking", {}, "{}", { path: "/status?code=500" });
  expect(spanNamed("signalbox.infer")[0]?.status.code).toBe(SpanStatusCode.ERROR);
  await world.resolver.stop("SIGKILL");
  await expect(client.resolve("ranking", { userId: "u9" })).resolves.toMatchObject({ source: "default" });
  const [, failed] = spanNamed("signalbox.resolve");
  expect(failed?.status).toMatchObject({ code: SpanStatusCode.ERROR });
  expect(failed?.status.message).toContain("no resolver answers");
});
