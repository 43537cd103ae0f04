import { create } from "@bufbuild/protobuf";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  GetRevisionRequestSchema,
  type GetRevisionResponse,
  RevisionState,
  Revisions,
} from "../proto/gen/signalbox/rollout/v1/rollout_pb.js";
import { type Heartbeat, startHeartbeat } from "../rollout/heartbeat.ts";
import type { ProcessStatus } from "../rollout/process-status.ts";
import type { RevisionState as RevisionAnswer } from "../rollout/revision-state.ts";
import { sampleEnvoy, sampleHeld, sampleStatus } from "../rollout/testing.ts";
import { methodDefinition } from "../service/grpc-service.ts";
import { signalbox } from "./support/command-line.ts";
import { eventually } from "./support/processes.ts";
import { type ResolverWorld, startResolverWorld } from "./support/resolver.ts";

let world: ResolverWorld;
let xdsServer: Heartbeat;
/** What the xds-server of this test says of itself. */
let report: ProcessStatus = sampleStatus("xds-server", "x1", 0);
let newest: number;

beforeAll(async () => {
  world = await startResolverWorld({ RESOLVER_ACTIVATION: "acknowledged" });
  newest = 3;
  xdsServer = startHeartbeat({ servers: world.nats.url, status: () => report, intervalMs: 100 });
});

afterAll(async () => {
  await xdsServer?.stop();
  await world?.stop();
});

const get = async (path: string) => {
  const response = await fetch(`${world.resolver.url}/v1/revisions/${path}`);
  return { status: response.status, body: (await response.json()) as RevisionAnswer };
};

const says = async (status: ProcessStatus, state: string) => {
  report = status;
  xdsServer.changed();
  return await eventually(`revision ${newest} is ${state}`, async () => {
    const { body } = await get(String(newest));
    return body.state === state ? body : undefined;
  });
};

const server = (watermark: number, more: Parameters<typeof sampleStatus>[3] = {}) =>
  sampleStatus("xds-server", "x1", watermark, { envoys: [sampleEnvoy("e1", watermark)], ...more });

describe("GET /v1/revisions/{revision}", () => {
  test("is pending while an xds-server is behind, and live when its Envoys have it", async () => {
    await says(server(newest), "live");
    const pending = await says(server(newest - 1), "pending");
    expect(pending.envoys).toEqual({ live: 0, of: 1 });
    expect(pending.reasons).toContainEqual(expect.objectContaining({ process: "envoy", id: "e1", kind: "behind" }));
    const live = await says(server(newest), "live");
    expect(live).toEqual({
      ...{ revision: newest, state: "live", reasons: [] },
      ...{ resolvers: { live: 1, of: 1 }, envoys: { live: 1, of: 1 } },
    });
  });

  test("is held, or rejected, by whom and why", async () => {
    const held = await says(server(newest, { held: [sampleHeld("default/ranking", 1, newest)] }), "held");
    expect(held.reasons[0]).toMatchObject({ process: "xds-server", id: "x1", subject: "default/ranking" });
    const problems = [{ document: "Objective default/ranking", path: "spec", message: "Envoy would refuse it" }];
    const rejections = [{ key: "objective.default.ranking", revision: newest, problems, at: "" }];
    const rejected = await says(server(newest, { rejections }), "rejected");
    expect(rejected.reasons[0]).toMatchObject({ kind: "rejected", text: "spec: Envoy would refuse it" });
    await says(server(newest), "live");
  });

  test("refuses what is no revision, and other methods", async () => {
    for (const path of ["x", "-1", "1.5", "99999999999999999999", `${newest}?from=x`])
      expect(await get(path)).toMatchObject({ status: 400, body: { error: { code: "invalid_request" } } });
    const post = await fetch(`${world.resolver.url}/v1/revisions/1`, { method: "POST" });
    expect([post.status, post.headers.get("allow")]).toEqual([405, "GET"]);
    await post.arrayBuffer();
  });

  test("counts laggards in the metrics, and how long there have been any", async () => {
    const metrics = async () => await (await fetch(`${world.resolver.url}/metrics`)).text();
    expect(await metrics()).toMatch(/signalbox_rollout_laggards 0\n[\s\S]*signalbox_rollout_unfinished_seconds 0\n/);
    await says(server(newest - 1), "pending");
    expect(await metrics()).toMatch(/signalbox_rollout_laggards 2\n/);
    expect(await metrics()).toMatch(/signalbox_rollout_unfinished_seconds 0?\.?\d*[1-9]/);
    await says(server(newest), "live");
    expect(await metrics()).toMatch(/signalbox_rollout_laggards 0\n/);
  });
});

describe("signalbox.rollout.v1.Revisions", () => {
  const call = async (revision: bigint): Promise<GetRevisionResponse> => {
    const client = new Client(world.resolver.grpcAddress, credentials.createInsecure());
    const { path, requestSerialize, responseDeserialize } = methodDefinition(Revisions, Revisions.method.getRevision);
    try {
      return await new Promise((resolve, reject) =>
        client.makeUnaryRequest(
          ...([path, requestSerialize, responseDeserialize] as const),
          create(GetRevisionRequestSchema, { revision }),
          (error: ServiceError | null, answer: unknown) =>
            error ? reject(error) : resolve(answer as GetRevisionResponse),
        ),
      );
    } finally {
      client.close();
    }
  };

  test("answers the same over gRPC", async () => {
    await says(server(newest), "live");
    expect(await call(BigInt(newest))).toMatchObject({ state: RevisionState.LIVE, resolvers: { live: 1, of: 1 } });
    const pending = await call(1_000_000n);
    expect(pending).toMatchObject({ state: RevisionState.PENDING, revision: 1_000_000n });
    expect(pending.reasons).toContainEqual(expect.objectContaining({ process: "resolver", kind: "behind" }));
    await expect(call(2n ** 63n)).rejects.toMatchObject({ code: 3 });
  });
});

test("apply does not wait for xds-servers where there are none", async () => {
  await xdsServer.stop();
  const other = await startResolverWorld({ RESOLVER_ACTIVATION: "immediate" });
  try {
    const shard = { apiVersion: "signalbox.dev/v1", kind: "Shard", metadata: { name: "more" } };
    const { code, stdout } = await signalbox(["apply", "-f", "-", "--timeout", "30s"], {
      input: JSON.stringify({ ...shard, spec: { endpoints: [{ address: "127.0.0.1", port: 1 }] } }),
      environment: { NATS_URL: other.nats.url },
    });
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/resolvers 1\/1, Envoys 0\/0; live in \d+ ms\n$/),
    });
  } finally {
    await other.stop();
  }
}, 90_000);
