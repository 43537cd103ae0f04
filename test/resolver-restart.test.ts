import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { startHeartbeat } from "../rollout/heartbeat.ts";
import { sampleEnvoy, sampleStatus } from "../rollout/testing.ts";
import { startNats } from "./support/nats.ts";
import { freePort, freePorts } from "./support/ports.ts";
import { eventually, temporaryFolder } from "./support/processes.ts";
import { publishDocuments } from "./support/publish.ts";
import { startTestResolver } from "./support/resolver.ts";
import { resolveAt } from "./support/resolver-client.ts";
import { sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";

const documentsWith = (version: string) => [
  sampleShard("pool", [9]),
  sampleModel("ranker", { [version]: ["pool"] }),
  sampleObjective("ranking", "ranker", version),
];

/** The version that it answers; null when it does not answer. */
async function versionOf(url: string): Promise<string | null> {
  return (await resolveAt(url, "ranking")).config?.version ?? null;
}

test("a resolver that starts on an old snapshot, just after NATS has lost the statuses, answers from nothing old", async () => {
  const folder = temporaryFolder();
  const natsPort = await freePort();
  let nats = await startNats(folder, natsPort);
  onTestFinished(() => nats.stop());
  let watermark = await publishDocuments(nats.url, documentsWith("7"));
  const status = () => sampleStatus("xds-server", "x1", watermark, { envoys: [sampleEnvoy("e1", watermark)] });
  const xdsServer = startHeartbeat({ servers: nats.url, status, intervalMs: 200 });
  onTestFinished(() => xdsServer.stop());
  const environment = { RESOLVER_ACTIVATION: "acknowledged" };
  const ports = (await freePorts(2)) as [number, number];
  const settings = { natsUrl: nats.url, dataFolder: folder, ports, environment, readyPath: "/healthz" };
  const before = await startTestResolver(settings);
  await eventually("it answers", async () => (await versionOf(before.url)) !== null);
  const old = await versionOf(before.url);
  await before.stop();

  // Statuses count as lost when their bucket is so much younger than that of the documents.
  await sleep(11_000);
  watermark = await publishDocuments(nats.url, documentsWith("8"));
  await nats.stop();
  nats = await startNats(folder, natsPort);
  const after = await startTestResolver(settings);
  onTestFinished(() => after.stop());
  let first: string | null = null;
  await eventually("it answers", async () => {
    first = await versionOf(after.url);
    return first !== null;
  });
  expect([old, first]).toEqual(["7", "8"]);
}, 60_000);
