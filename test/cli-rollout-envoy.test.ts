import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { signalbox } from "./support/command-line.ts";
import { type EchoServer, startEchoServer } from "./support/echo-server.ts";
import { eventually } from "./support/processes.ts";
import { publishAndWait } from "./support/publish.ts";
import { startTestResolver, type TestResolver } from "./support/resolver.ts";
import { resolveAt } from "./support/resolver-client.ts";
import { sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";
import { type System, startSystem } from "./support/system.ts";

let system: System;
let echo: EchoServer;
let canary: TestResolver;

beforeAll(async () => {
  echo = await startEchoServer();
  system = await startSystem();
  const dataFolder = join(system.folder, "canary");
  mkdirSync(dataFolder);
  await publishAndWait(system, "ranking", [
    sampleShard("pool", [echo.http1Port]),
    sampleModel("ranker", { "7": ["pool"] }),
    sampleObjective("ranking", "ranker", "7", { policy: { ttlMs: 0 } }),
  ]);
  canary = await startTestResolver({
    ...{ natsUrl: system.natsUrl, dataFolder },
    environment: { RESOLVER_GROUP: "canary" },
  });
}, 60_000);

afterAll(async () => {
  await canary?.stop();
  await system?.stop();
  await echo?.stop();
});

const rollout = (...args: string[]) => signalbox(["rollout", ...args], { environment: system.environment });

/** The key that a resolver answers, and which model a request with it reaches through Envoy. */
async function path(resolverUrl: string): Promise<{ key: string; model: string | null; fallback: string | null }> {
  const { routingKey = "" } = await resolveAt(resolverUrl, "ranking");
  const response = await fetch(`${system.envoyUrl}/echo`, {
    method: "POST",
    headers: { "x-routing-key": routingKey },
    body: "{}",
  });
  await response.arrayBuffer();
  expect(response.status).toBe(200);
  const { headers } = response;
  return { key: routingKey, model: headers.get("x-signalbox-model"), fallback: headers.get("x-signalbox-fallback") };
}

const of = (version: string) => ({
  key: `default/ranking/ranker@${version}`,
  model: `ranker@${version}`,
  fallback: null,
});

test("a version that a rollout takes away goes on answering for the groups that still choose it", async () => {
  const change = [sampleModel("ranker", { "8": ["pool"] }), sampleObjective("ranking", "ranker", "8")];
  const started = await signalbox(
    ["rollout", "start", "swap", "-f", "-", "--stages", "canary,all", "--timeout", "60s"],
    {
      input: change.map((document) => JSON.stringify(document)).join("\n---\n"),
      environment: system.environment,
    },
  );
  expect(started).toMatchObject({ code: 0, stderr: "" });
  expect(started.stdout).toContain("Stage canary. It is live: resolvers 1/1, Envoys 1/1");
  expect(await path(canary.url)).toEqual(of("8"));
  expect(await path(system.resolverUrl)).toEqual(of("7"));

  expect((await rollout("abort", "swap", "--timeout", "60s")).code).toBe(0);
  await eventually("the canary is back", async () => (await path(canary.url)).key === of("7").key);
  expect([await path(canary.url), await path(system.resolverUrl)]).toEqual([of("7"), of("7")]);
}, 120_000);
