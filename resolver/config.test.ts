import { expect, test } from "vitest";
import { readConfig } from "./config.ts";

test("the defaults are those of a resolver on this machine only", () => {
  expect(readConfig({})).toEqual({
    host: "127.0.0.1",
    activation: "acknowledged",
    httpPort: 7070,
    grpcPort: 7071,
    maxRequestBytes: 262_144,
    overrideTokens: [],
    cells: null,
    natsServers: ["nats://127.0.0.1:4222"],
    natsCredentialsFile: undefined,
    bucket: "signalbox",
    statusBucket: "signalbox-status",
    replicas: 1,
    dataFolder: ".signalbox",
    logLevel: "info",
    drainTimeoutMs: 10_000,
  });
});

test("every variable that is wrong is reported at once", () => {
  const environment = { RESOLVER_HTTP_PORT: "http", RESOLVER_GRPC_PORT: "-1", RESOLVER_MAX_REQUEST_BYTES: "0" };
  expect(() => readConfig(environment)).toThrow(/RESOLVER_HTTP_PORT.*RESOLVER_GRPC_PORT.*RESOLVER_MAX_REQUEST_BYTES/s);
});
