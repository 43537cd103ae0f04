import { connect } from "node:net";
import { create, type DescMessage } from "@bufbuild/protobuf";
import { status } from "@grpc/grpc-js";
import { expect, onTestFinished, test } from "vitest";
import {
  ExplainRequestSchema,
  ResolveRequestSchema,
  Resolver,
} from "../proto/gen/signalbox/resolver/v1/resolver_pb.js";
import { startGrpcServer } from "../service/grpc-server.ts";
import { unaryService } from "../service/grpc-service.ts";
import { createHealth } from "../service/health.ts";
import { createHttpApp } from "../service/http-app.ts";
import { type HttpServer, startHttpServer } from "../service/http-server.ts";
import { createLogger } from "../service/logger.ts";
import { createMetrics } from "../service/metrics.ts";
import { callResolver, grpcClient } from "./support/resolver-client.ts";

const local = { host: "127.0.0.1", port: 0, portVariable: "PORT" };

async function appWith(addRoutes: Parameters<typeof createHttpApp>[1]) {
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const logger = createLogger({ name: "t", level: "debug", destination });
  const health = createHealth();
  const listener = createHttpApp({ health, metrics: createMetrics(), logger }, addRoutes);
  const server = await startHttpServer({ ...local, listener });
  onTestFinished(() => server.drain(0));
  return { server, health, lines };
}

test("what a route throws is answered as internal, without a word of it, and logged with its stack", async () => {
  const { server, lines } = await appWith((app) => {
    app.get("/throws", () => {
      throw new Error("password=hunter2");
    });
    app.get("/rejects", () => Promise.reject(new Error("password=hunter2")));
  });
  for (const path of ["/throws", "/rejects"]) {
    const response = await fetch(server.url + path);
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({ error: { code: "internal", retryable: false } });
    expect(text).not.toContain("hunter2");
  }
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatchObject({ level: "error", path: "/throws", err: { message: "password=hunter2" } });
});

test("/readyz answers 503 with the reasons while a check fails", async () => {
  const { server, health } = await appWith(undefined);
  health.addCheck("documents", () => ({ ok: false, reason: "none yet" }));
  const response = await fetch(`${server.url}/readyz`);
  expect(response.status).toBe(503);
  expect(await response.json()).toMatchObject({ status: "not_ready", reasons: ["documents: none yet"] });
});

test("a server on all addresses, or on IPv6, gives a URL that can be called", async () => {
  const listener = createHttpApp({
    health: createHealth(),
    metrics: createMetrics({ processMetrics: false }),
    logger: createLogger({ name: "t", level: "silent" }),
  });
  const servers: HttpServer[] = [];
  for (const host of ["0.0.0.0", "::1"]) servers.push(await startHttpServer({ ...local, listener, host }));
  for (const server of servers) {
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    await server.drain(0);
  }
});

test("draining ends connections that are kept alive without a request", async () => {
  const { server } = await appWith(undefined);
  const socket = connect(server.port, "127.0.0.1");
  const answered = new Promise<string>((done) => socket.once("data", (data) => done(data.toString())));
  socket.write("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
  expect(await answered).toContain("200 OK");
  const closed = new Promise((done) => socket.once("close", done));
  await server.drain(600_000);
  await closed;
});

test("a gRPC method that throws anything unforeseen ends as INTERNAL, without a word of it", async () => {
  const errors: string[] = [];
  const service = unaryService(
    Resolver,
    {
      resolve: () => {
        throw new Error("password=hunter2");
      },
      explain: () => Promise.reject(new Error("password=hunter2")),
      resolveMany: () => Promise.reject(new Error("password=hunter2")),
      listDefaults: () => Promise.reject(new Error("password=hunter2")),
    },
    (error, method) => errors.push(`${method} ${error.code}`),
  );
  const server = await startGrpcServer({
    ...local,
    services: [Resolver],
    addTo: (grpc) => grpc.addService(service.definition, service.implementation),
  });
  const client = grpcClient(`127.0.0.1:${server.port}`);
  for (const [method, schema] of [
    ["Resolve", ResolveRequestSchema],
    ["Explain", ExplainRequestSchema],
  ] as const) {
    await expect(callResolver(client, method, create<DescMessage>(schema))).rejects.toMatchObject({
      code: status.INTERNAL,
      details: expect.not.stringContaining("hunter2"),
    });
  }
  client.close();
  await server.drain(1000);
  expect(errors).toEqual(["Resolve internal", "Explain internal"]);
});
