import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectToNats } from "../config/store/connection.ts";
import { openStatusBucket } from "../rollout/status-bucket.ts";
import { type EchoServer, startEchoServer } from "./support/echo-server.ts";
import { eventually } from "./support/processes.ts";
import { publishAndWait } from "./support/publish.ts";
import { sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";
import { type System, startSystem } from "./support/system.ts";

let system: System;
let model: EchoServer;

beforeAll(async () => {
  [model, system] = await Promise.all([
    startEchoServer({ name: "model" }),
    startSystem({ XDS_ROUTE_GRACE_MS: "100", XDS_CUT_OFF_RESOLVER_MS: "20000" }),
  ]);
});

afterAll(async () => {
  await system?.stop();
  await model?.stop();
});

/** What NATS does with the report of a process that it has not heard of for long enough. */
async function forgetReports(): Promise<void> {
  const link = await connectToNats({ servers: system.natsUrl });
  const { stream } = await openStatusBucket(link);
  await link.manager.streams.purge(stream);
  await link.close();
}

/** Which model version Envoy sends requests with the key of version 1 to, and how many keys it is counted to have lost. */
async function firstVersion(): Promise<{ model: string | null; fallback: string | null; abandoned: number }> {
  const response = await fetch(`${system.envoyUrl}/hash`, {
    method: "POST",
    headers: { "x-routing-key": "default/ranking/ranker@1" },
    body: "{}",
  });
  await response.arrayBuffer();
  const metrics = await (await fetch(`${system.xdsUrl}/metrics`)).text();
  return {
    model: response.headers.get("x-signalbox-model"),
    fallback: response.headers.get("x-signalbox-fallback"),
    abandoned: Number(/^signalbox_xds_abandoned_keys_total (\d+)/m.exec(metrics)?.[1] ?? 0),
  };
}

test("the keys of a resolver that is cut off stay for a while, also when the xds-server restarts, then fall to the default, counted", {
  timeout: 120_000,
}, async () => {
  const ranking = (version: string) => [
    sampleModel("ranker", { [version]: ["gpu"] }),
    sampleObjective("ranking", "ranker", version, { policy: { ttlMs: 0 } }),
  ];
  await publishAndWait(system, "ranking", [sampleShard("gpu", [model.http1Port]), ...ranking("1")]);
  const { resolver, xdsServer } = system.parts;
  const file = join(system.folder, `xds-server-${new URL(system.xdsUrl).port}`, "resolvers.json");
  await eventually("the resolver's report is written down", () => existsSync(file));
  // To the others a resolver that is killed looks like one that is cut off.
  await resolver.kill();
  await xdsServer.kill();
  await forgetReports();
  await Promise.all([resolver.start(), xdsServer.start()]);
  await publishAndWait(system, "ranking", ranking("2"));
  expect(await firstVersion()).toEqual({ model: "ranker@1", fallback: null, abandoned: 0 });
  const fallen = await eventually(
    "the key has left",
    async () => {
      const answer = await firstVersion();
      return answer.fallback !== null && answer;
    },
    60_000,
  );
  expect(fallen).toEqual({ model: "ranker@2", fallback: "unknown-key", abandoned: 1 });
});
