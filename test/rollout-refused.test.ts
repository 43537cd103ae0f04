import { afterAll, beforeAll, expect, test } from "vitest";
import { type EchoServer, startEchoServer } from "./support/echo-server.ts";
import { type Load, startLoad } from "./support/load.ts";
import { eventually } from "./support/processes.ts";
import { publishAndWait, publishDocuments } from "./support/publish.ts";
import { sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";
import { type System, startSystem } from "./support/system.ts";

let system: System;
let good: EchoServer;
let load: Load;

beforeAll(async () => {
  [good, system] = await Promise.all([startEchoServer({ name: "good" }), startSystem({ XDS_ROUTE_GRACE_MS: "200" })]);
  await publishAndWait(system, "moving", [
    sampleShard("good", [good.http1Port]),
    sampleModel("bystander", { "1": ["good"] }),
    sampleObjective("bystander", "bystander", "1"),
    sampleModel("moving", { "1": ["good"] }),
    sampleObjective("moving", "moving", "1", { policy: { retries: 0 } }),
  ]);
  load = startLoad({ url: `${system.envoyUrl}/hash`, headers: { "x-routing-key": "default/moving/moving@1" } });
  await load.untilSucceeded(20);
});

afterAll(async () => {
  await load?.stop();
  await system?.stop();
  await good?.stop();
});

async function heldReasons(): Promise<Record<string, string>> {
  const status = (await (await fetch(`${system.xdsUrl}/v1/status`)).json()) as {
    rollout?: { held: { objective: string; reason: string }[] };
  };
  return Object.fromEntries((status.rollout?.held ?? []).map(({ objective, reason }) => [objective, reason]));
}

test("a move to a shard that Envoy refuses costs no request, says why, and holds nobody else up", async () => {
  const tls = { caFile: "/there/is/no/such/file.pem" };
  await publishDocuments(system.natsUrl, [
    sampleShard("bad", [good.http1Port], { tls }),
    sampleModel("moving", { "1": ["bad"] }),
  ]);
  await eventually("it is held back, with the reason", async () =>
    (await heldReasons())["default/moving"]?.includes("no/such/file.pem"),
  );
  await publishAndWait(system, "bystander", [
    sampleObjective("bystander", "bystander", "1", { policy: { retries: 2 } }),
  ]);
  await load.untilSucceeded(100);
  expect(load.failures).toEqual([]);
  await publishDocuments(system.natsUrl, [sampleModel("moving", { "1": ["good"] })]);
  await eventually("nothing is held back", async () => Object.keys(await heldReasons()).length === 0);
  await load.untilSucceeded(100);
  expect(load.failures).toEqual([]);
});
