import { createHash } from "node:crypto";
import { create, type MessageInitShape, toJson } from "@bufbuild/protobuf";
import { type Client, credentials, loadPackageDefinition, type ServiceError, status } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { service as healthService } from "grpc-health-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectToNats } from "../config/store/connection.ts";
import {
  ExplainRequestSchema,
  type ExplainResponse,
  ResolveRequestSchema,
  type ResolveResponse,
  ResolveResponseSchema,
} from "../proto/gen/signalbox/resolver/v1/resolver_pb.js";
import { readStatuses } from "../rollout/heartbeat.ts";
import { projectFolder } from "../setup/paths.js";
import { eventually } from "./support/processes.ts";
import { publish, type ResolverWorld, rankingObjective, startResolverWorld } from "./support/resolver.ts";
import { callResolver, grpcClient, postJson } from "./support/resolver-client.ts";
import { callUnary, type Methods } from "./support/unary-call.ts";

const token = "a-token-for-the-test";
let world: ResolverWorld;
let grpc: Client;

beforeAll(async () => {
  const sha256 = createHash("sha256").update(token).digest("hex");
  world = await startResolverWorld({ RESOLVER_OVERRIDE_TOKENS: `default=${sha256}`, LOG_LEVEL: "debug" });
  grpc = grpcClient(world.resolver.grpcAddress);
});

afterAll(async () => {
  grpc.close();
  await world.stop();
});

const resolve = (request: object, headers?: Record<string, string>) =>
  postJson(`${world.resolver.url}/v1/resolve`, request, headers);
const text = async (path: string) => (await fetch(world.resolver.url + path)).text();

describe("POST /v1/resolve", () => {
  test("answers what a client needs to send its request", async () => {
    const { status: code, body } = await resolve({ objective: "ranking", context: { userId: "u1", device: "kiosk" } });
    expect(code).toBe(200);
    expect(body).toEqual({
      objective: "default/ranking",
      routingKey: "default/ranking/ranker@8",
      headers: {
        "x-routing-key": "default/ranking/ranker@8",
        "x-signalbox-decision": `objective=default/ranking;rule=kiosks;model=ranker@8;revision=${body.revision};reason=rule`,
      },
      config: { model: "ranker", version: "8", variant: null, rule: "kiosks", parameters: { beam: 4 } },
      revision: expect.any(Number),
      ttlMs: 5000,
      fallbackKeys: ["default/ranking/ranker@7"],
      reason: "rule",
    });
  });

  test("gives a unit the same arm every time, and units both arms", async () => {
    const arms = new Map<string, unknown>();
    for (let n = 0; n < 60; n++) {
      const userId = `user-${n % 30}`;
      const { body } = await resolve({ objective: "ranking", context: { userId } });
      const { variant } = body.config as { variant: string };
      if (arms.has(userId)) expect(variant).toBe(arms.get(userId));
      arms.set(userId, variant);
    }
    expect(new Set(arms.values())).toEqual(new Set(["stable", "canary"]));
  });

  test("answers several objectives in one call, each with its own error", async () => {
    const { status: code, body } = await resolve({ objectives: ["ranking", "rankin"], client: "web" });
    expect(code).toBe(200);
    expect(body.results).toMatchObject([
      { objective: "default/ranking", headers: { "x-signalbox-client": "web" }, reason: "unit_missing" },
      { objective: "default/rankin", error: { code: "unknown_objective", retryable: false } },
    ]);
  });

  test("answers the error of a single objective with its status", async () => {
    const { status: code, body } = await resolve({ namespace: "team-b", objective: "ranking" });
    expect(code).toBe(404);
    expect(body).toEqual({
      error: { code: "unknown_objective", message: "There is no objective team-b/ranking", retryable: false },
    });
  });

  test("lets an authorised caller force a version, visibly, and nobody else", async () => {
    const request = { objective: "ranking", override: { version: "8" }, context: { userId: "u1" } };
    const denied = await resolve(request);
    expect([denied.status, denied.body.error]).toMatchObject([403, { code: "override_denied" }]);
    const authorization = { authorization: `Bearer ${token}` };
    const allowed = await resolve(request, authorization);
    expect(allowed.body).toMatchObject({ config: { version: "8", rule: "override" }, reason: "override" });
    expect(JSON.stringify(allowed.body.headers)).toContain("override=true");
    const unknown = await resolve({ ...request, override: { version: "9" } }, authorization);
    expect([unknown.status, unknown.body.error]).toMatchObject([422, { code: "override_unknown_version" }]);
    expect(await text("/metrics")).toContain(
      'signalbox_resolver_overrides_total{namespace="default",outcome="allowed"} 1',
    );
    expect(world.resolver.output()).toContain("override asked for");
    expect(world.resolver.output()).not.toContain(token);
  });
});

test("POST /v1/explain says of every rule why, with the bucket, and decides as resolve does", async () => {
  const request = { objective: "ranking", context: { userId: "u1" } };
  const explained = await postJson(`${world.resolver.url}/v1/explain`, request);
  const resolved = await resolve(request);
  expect(explained.status).toBe(200);
  expect(explained.body.decision).toMatchObject({ routingKey: resolved.body.routingKey });
  expect(explained.body.rules).toMatchObject([
    { rule: "kiosks", outcome: "not_matched", why: ['device: missing, wanted one of ["kiosk"]'], split: null },
    { rule: "canary", outcome: "chosen", split: { salt: "default/ranking/canary", bucket: expect.any(Number) } },
  ]);
});

describe("gRPC", () => {
  const call = (init: MessageInitShape<typeof ResolveRequestSchema>, metadata?: Record<string, string>) =>
    callResolver(grpc, "Resolve", create(ResolveRequestSchema, init), metadata) as Promise<ResolveResponse>;

  test("Resolve answers as HTTP does", async () => {
    const context = { userId: "u1", device: "kiosk" };
    const response = toJson(ResolveResponseSchema, await call({ objective: "ranking", context }));
    const { body } = await resolve({ objective: "ranking", context });
    expect(response).toMatchObject({
      results: [
        {
          objective: body.objective,
          resolution: { routingKey: body.routingKey, headers: body.headers, revision: String(body.revision) },
        },
      ],
    });
  });

  test("Explain tells the bucket", async () => {
    const message = create(ExplainRequestSchema, { objective: "ranking", context: { userId: "u1" } });
    const { results } = (await callResolver(grpc, "Explain", message)) as ExplainResponse;
    const outcome = results[0]?.outcome;
    if (outcome?.case !== "explanation") throw new Error("no explanation");
    expect(outcome.value.rules[1]).toMatchObject({ outcome: "chosen", split: { bucket: expect.any(Number) } });
  });

  test("errors have the status and the code of the table", async () => {
    const failures = [
      [{ objective: "other" }, status.NOT_FOUND, "unknown_objective"],
      [{}, status.INVALID_ARGUMENT, "invalid_request"],
      [{ objective: "ranking", override: { version: "8" } }, status.PERMISSION_DENIED, "override_denied"],
    ] as const;
    for (const [init, code, name] of failures) {
      const error = await call(init).then(
        () => null,
        (thrown: ServiceError) => thrown,
      );
      expect(error?.code).toBe(code);
      expect(error?.metadata.get("x-signalbox-error")).toEqual([name]);
    }
  });

  test("an override takes its token from the metadata", async () => {
    const request = { objective: "ranking", override: { version: "8" } };
    const response = await call(request, { authorization: `Bearer ${token}` });
    expect(response.results[0]?.outcome.value).toMatchObject({ reason: "override" });
  });

  test("the standard health service says SERVING of the process and of the service", async () => {
    for (const service of ["", "signalbox.resolver.v1.Resolver"]) {
      const answer = await callUnary(grpc, healthService as unknown as Methods, "Check", { service }, {});
      expect(answer).toEqual({ status: "SERVING" });
    }
  });

  test("reflection lists the services and describes the messages", async () => {
    const answers = await reflect([
      { listServices: "*" },
      { fileContainingSymbol: "signalbox.resolver.v1.ResolveRequest" },
    ]);
    const names = answers[0]?.listServicesResponse?.service.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["signalbox.resolver.v1.Resolver", "grpc.health.v1.Health"]));
    const files = answers[1]?.fileDescriptorResponse?.fileDescriptorProto.map((bytes) => bytes.toString("latin1"));
    expect(files?.join()).toContain("signalbox/resolver/v1/resolver.proto");
    expect(files?.join()).toContain("google/protobuf/struct.proto");
  });
});

describe("what operators see", () => {
  test("/openapi.json describes the endpoints", async () => {
    expect(JSON.parse(await text("/openapi.json"))).toMatchObject({
      openapi: "3.1.0",
      paths: { "/v1/resolve": {}, "/v1/explain": {} },
    });
  });

  test("/healthz and /readyz answer 200, the latter with the revision", async () => {
    expect(JSON.parse(await text("/healthz"))).toEqual({ status: "ok" });
    expect(JSON.parse(await text("/readyz"))).toMatchObject({
      status: "ready",
      checks: { documents: { ok: true, detail: { connected: true, staleSeconds: 0 } } },
    });
  });

  test("/metrics counts decisions by model version, errors by code, and the time they took", async () => {
    await resolve({ objective: "ranking", trafficClass: "synthetic" });
    await resolve({ objective: "other" });
    const metrics = await text("/metrics");
    expect(metrics).toMatch(
      /signalbox_resolver_decisions_total\{namespace="default",objective="ranking",model="ranker",version="7",reason="unit_missing",traffic_class="synthetic"\} [1-9]/,
    );
    expect(metrics).toMatch(/signalbox_resolver_errors_total\{method="resolve",code="unknown_objective"\} [1-9]/);
    expect(metrics).toMatch(
      /signalbox_resolver_request_duration_seconds_count\{transport="http",method="resolve",code="ok"\} [1-9]/,
    );
    expect(metrics).toMatch(/signalbox_build_info\{process="resolver",version="[\d.]+"\} 1/);
  });

  test("its heartbeat shows the process and its revision", async () => {
    const settings = { servers: world.nats.url };
    const { revision } = (await resolve({ objective: "ranking" })).body;
    const own = await eventually("a heartbeat", async () =>
      (await readStatuses(settings)).find((each) => each.revision === revision),
    );
    expect(own).toMatchObject({ process: "resolver", connectedToStore: true, rejections: [] });
  });

  test("every line of the log is JSON", () => {
    const lines = world.resolver.output().trim().split("\n");
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ process: "resolver" });
  });
});

describe("a publication", () => {
  test("changes the answers without a restart, all of them to the new revision", async () => {
    const objective = rankingObjective();
    const spec = { ...objective.spec, rules: [], default: { model: "ranker", version: "8" } };
    const revision = await publish(world.nats.url, [{ ...objective, spec }]);
    const body = await eventually("the new default", async () => {
      const answer = await resolve({ objective: "ranking" });
      return answer.body.revision === revision && answer.body;
    });
    expect(body).toMatchObject({ config: { version: "8" }, reason: "default", fallbackKeys: [] });
  });

  test("that is garbage is rejected, counted, and changes no answer", async () => {
    const link = await connectToNats({ servers: world.nats.url });
    const before = (await resolve({ objective: "ranking" })).body;
    await link.client.publish("$KV.signalbox.objective.default.ranking", "\u0000 not a document");
    await eventually("a rejection", async () => /signalbox_documents_rejected 1/.test(await text("/metrics")));
    expect((await resolve({ objective: "ranking" })).body).toEqual(before);
    expect(world.resolver.output()).toContain("document rejected");
    await link.close();
  });
});

type ReflectionAnswer = {
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Buffer[] };
};

/** Asks the server reflection (v1) as grpcurl does. */
async function reflect(requests: readonly object[]): Promise<ReflectionAnswer[]> {
  const proto = "node_modules/@grpc/reflection/build/proto/grpc/reflection/v1/reflection.proto";
  const definition = loadSync(`${projectFolder}/${proto}`, { oneofs: true });
  const loaded = loadPackageDefinition(definition) as unknown as {
    grpc: { reflection: { v1: { ServerReflection: new (...args: unknown[]) => Client } } };
  };
  const client = new loaded.grpc.reflection.v1.ServerReflection(
    world.resolver.grpcAddress,
    credentials.createInsecure(),
  ) as Client & { ServerReflectionInfo(): NodeJS.ReadWriteStream };
  const stream = client.ServerReflectionInfo();
  const answers: ReflectionAnswer[] = [];
  stream.on("data", (answer) => answers.push(answer as unknown as ReflectionAnswer));
  const ended = new Promise((resolve, reject) => stream.on("end", resolve).on("error", reject));
  for (const request of requests) stream.write(request as never);
  stream.end();
  await ended;
  client.close();
  return answers;
}
