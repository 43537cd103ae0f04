import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { ShardInput } from "../config/documents/shard.ts";
import { type EchoServer, startEchoServer } from "./support/echo-server.ts";
import { type Load, startLoad } from "./support/load.ts";
import { publishAndWait, publishChanges } from "./support/publish.ts";
import { sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";
import { type System, startSystem } from "./support/system.ts";

const routingKey = "default/ranking/ranker@7";
const checked = { healthCheck: { path: "/ready", intervalMs: 200 } } satisfies Partial<ShardInput["spec"]>;

let system: System;
let a: EchoServer;
let b: EchoServer;
let load: Load;

beforeAll(async () => {
  [a, b, system] = await Promise.all([startEchoServer({ name: "a" }), startEchoServer({ name: "b" }), startSystem()]);
  await publish([
    sampleShard("gpu-a", [a.http1Port], checked),
    sampleShard("gpu-b", [b.http1Port], checked),
    sampleModel("ranker", { "7": ["gpu-a"] }),
    sampleObjective("ranking", "ranker", "7"),
  ]);
});

afterAll(async () => {
  await system?.stop();
  await Promise.all([a?.stop(), b?.stop()]);
});

beforeEach(async () => {
  load = startLoad({ url: `${system.envoyUrl}/hash`, headers: { "x-routing-key": routingKey } });
  await load.untilSucceeded(30);
});

afterEach(async () => {
  await load.untilSucceeded(30);
  await load.stop();
  expect(load.failures).toEqual([]);
});

/** Publishes, and waits until the objective under load is served at the revision of the last document. */
const publish = (documents: readonly unknown[]) => publishAndWait(system, "ranking", documents);

const ranker = (...shards: readonly string[]) => sampleModel("ranker", { "7": shards });

function weighted(weightOfA: number, weightOfB: number) {
  const model = ranker();
  const placement = [
    { shard: "gpu-a", weight: weightOfA },
    { shard: "gpu-b", weight: weightOfB },
  ];
  return { ...model, spec: { ...model.spec, versions: [{ version: "7", placement }] } };
}

/** The shards that answer from now on. */
async function shardsOfTheNext(requests: number): Promise<string[]> {
  // What is under way was sent before.
  await load.untilSucceeded(10);
  const before = new Map(load.byShard);
  await load.untilSucceeded(requests);
  return [...load.byShard].filter(([shard, count]) => count > (before.get(shard) ?? 0)).map(([shard]) => shard);
}

test("no request fails while a placement moves to another shard and back", async () => {
  await publish([ranker("gpu-b")]);
  expect(await shardsOfTheNext(50)).toEqual(["default/gpu-b"]);
  await publish([ranker("gpu-a")]);
  expect(await shardsOfTheNext(50)).toEqual(["default/gpu-a"]);
});

test("no request fails while weights change often", async () => {
  for (let weight = 0; weight <= 100; weight += 10) await publish([weighted(100 - weight, weight)]);
  expect(await shardsOfTheNext(50)).toEqual(["default/gpu-b"]);
  await publish([ranker("gpu-a")]);
});

test("no request fails while a placement moves to a shard that is new, and the old one is removed in the same batch", async () => {
  await publish([sampleShard("gpu-new", [b.http1Port], checked), ranker("gpu-new")]);
  expect(await shardsOfTheNext(50)).toEqual(["default/gpu-new"]);
  await publishChanges(system.natsUrl, {
    documents: [ranker("gpu-a")],
    deleted: [{ kind: "Shard", namespace: "default", name: "gpu-new" }],
  });
  await load.untilSucceeded(100);
  expect(await shardsOfTheNext(50)).toEqual(["default/gpu-a"]);
});

test("no request fails while the hosts of a shard are replaced, and the old host ends", async () => {
  const next = await startEchoServer({ name: "next" });
  const { http1Port } = next;
  await publish([sampleShard("gpu-a", [a.http1Port, http1Port], checked)]);
  await load.untilSucceeded(100);
  await publish([sampleShard("gpu-a", [a.http1Port], checked)]);
  await load.untilSucceeded(30);
  await next.stop();
  await load.untilSucceeded(100);
});

test("no request fails while all that a shard is gets changed: checks, limits, time limits", async () => {
  const specs: Partial<ShardInput["spec"]>[] = [
    {},
    { ...checked, limits: { maxRequests: 500 } },
    { ...checked, connectTimeoutMs: 900, slowStartMs: 1000 },
    { outlierDetection: {} },
    checked,
  ];
  for (const spec of specs) {
    await publish([sampleShard("gpu-a", [a.http1Port], spec)]);
    await load.untilSucceeded(30);
  }
});

test("no request fails while a shard begins to speak HTTP/2 on another port, and HTTP/1.1 again", async () => {
  await publish([sampleShard("gpu-a", [a.http2Port], { protocol: "http2", ...checked })]);
  await load.untilSucceeded(100);
  await publish([sampleShard("gpu-a", [a.http1Port], checked)]);
  await load.untilSucceeded(100);
});

test("no request fails while policies and shadows change", async () => {
  await publish([sampleModel("ranker", { "7": ["gpu-a"], "8": ["gpu-b"] })]);
  for (const percent of [0, 50, 100]) {
    const shadow = [{ model: "ranker", version: "8", percent }];
    await publish([sampleObjective("ranking", "ranker", "7", { shadow, policy: { timeoutMs: 5000 + percent } })]);
    await load.untilSucceeded(30);
  }
  await publish([sampleObjective("ranking", "ranker", "7")]);
});

test("no request fails while versions and other objectives come and go", async () => {
  for (let round = 0; round < 5; round++) {
    await publish([sampleModel("ranker", { "7": ["gpu-a"], "8": ["gpu-b"] })]);
    await publishChanges(system.natsUrl, { documents: [sampleObjective("other", "ranker", "8")] });
    await load.untilSucceeded(20);
    await publishChanges(system.natsUrl, {
      documents: [ranker("gpu-a")],
      deleted: [{ kind: "Objective", namespace: "default", name: "other" }],
    });
    await load.untilSucceeded(20);
  }
});

test("no request fails, and changes still arrive, while another shard is dead from the start", async () => {
  const dead = sampleShard("dead", [1], checked);
  await publishChanges(system.natsUrl, {
    documents: [dead, sampleModel("gone", { "1": ["dead"] }), sampleObjective("gone", "gone", "1")],
  });
  await publish([ranker("gpu-b")]);
  expect(await shardsOfTheNext(50)).toEqual(["default/gpu-b"]);
});
