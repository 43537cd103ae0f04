import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EchoServer, startEchoServer } from "./support/echo-server.ts";
import { eventually } from "./support/processes.ts";
import { type RoutedEnvoy, startRoutedEnvoy } from "./support/routed-envoy.ts";
import { sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";

let routed: RoutedEnvoy;
let a: EchoServer;
let b: EchoServer;

beforeAll(async () => {
  [a, b] = await Promise.all([startEchoServer({ name: "a" }), startEchoServer({ name: "b" })]);
  routed = await startRoutedEnvoy();
  const placement = [
    { shard: "pool-a", weight: 100 },
    { shard: "pool-b", weight: 0 },
  ];
  await routed.publish([
    sampleShard("pool-a", [a.http1Port]),
    sampleShard("pool-b", [b.http1Port]),
    { ...sampleModel("ranker", {}), spec: { protocol: "raw", versions: [{ version: "7", placement }] } },
    sampleModel("other", { "1.0": ["pool-b"] }),
    sampleObjective("ranking", "ranker", "7", { shadow: [{ model: "other", version: "1.0", percent: 0 }] }),
    sampleObjective("second", "ranker", "7"),
  ]);
});

afterAll(async () => {
  await routed?.stop();
  await Promise.all([a?.stop(), b?.stop()]);
});

const requests = 40;

/** How many of some requests each shard answered. */
async function shares(objective: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let n = 0; n < requests; n++) {
    const headers = { "x-routing-key": `default/${objective}/ranker@7` };
    const response = await fetch(`${routed.url}/infer`, { method: "POST", headers, body: "hello" });
    await response.arrayBuffer();
    const shard = response.headers.get("x-signalbox-shard") ?? "none";
    counts[shard] = (counts[shard] ?? 0) + 1;
  }
  return counts;
}

const modify = (query: string) => routed.envoy.admin(`/runtime_modify?${query}`, "POST");
const prefix = "signalbox.placement.default.ranker@7";

describe("an operator at Envoy's admin page", () => {
  test("moves a placement at once, in every objective, and back again", async () => {
    expect(await shares("ranking")).toEqual({ "default/pool-a": requests });
    await modify(`${prefix}.default/pool-a=0&${prefix}.default/pool-b=100`);
    await eventually("the override", async () => (await shares("ranking"))["default/pool-b"] === requests);
    expect(await shares("second")).toEqual({ "default/pool-b": requests });
    await modify(`${prefix}.default/pool-a=&${prefix}.default/pool-b=`);
    await eventually("the published weights", async () => (await shares("ranking"))["default/pool-a"] === requests);
  });

  test("splits a placement in two", async () => {
    await modify(`${prefix}.default/pool-a=50&${prefix}.default/pool-b=50`);
    const counts = await eventually("both shards", async () => {
      const some = await shares("ranking");
      return Object.keys(some).length === 2 && some;
    });
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(requests / 10);
    await modify(`${prefix}.default/pool-a=&${prefix}.default/pool-b=`);
  });

  test("dials a shadow from nothing to everything", async () => {
    const copies = () => b.received.filter(({ headers }) => headers["x-signalbox-traffic-class"] === "shadow").length;
    await shares("ranking");
    expect(copies()).toBe(0);
    await modify("signalbox.shadow.default.ranking.other@1.0=100");
    await eventually("copies", async () => {
      await shares("ranking");
      return copies() >= requests;
    });
    await modify("signalbox.shadow.default.ranking.other@1.0=");
  });

  test("thins the access log", async () => {
    await modify("signalbox.access_log=0");
    await eventually("silence", async () => {
      const linesBefore = (await routed.accessLog()).length;
      await shares("ranking");
      return (await routed.accessLog()).length === linesBefore;
    });
    await modify("signalbox.access_log=");
  });
});
