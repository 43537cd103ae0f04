import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type EchoServer, startEchoServer } from "./support/echo-server.ts";
import { eventually } from "./support/processes.ts";
import { publishAndWait } from "./support/publish.ts";
import { sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";
import { type System, startSystem } from "./support/system.ts";

const placement = "signalbox.placement.default.ranker@7";
const shadow = "signalbox.shadow.default.ranking.ranker@8";
const routingKey = "default/ranking/ranker@7";

let system: System;
let servers: EchoServer[];
/** What a test has set, taken back after it. */
const overridden = new Set<string>();

beforeAll(async () => {
  servers = await Promise.all(["a", "b", "c"].map((name) => startEchoServer({ name })));
  system = await startSystem();
  const [a, b, c] = servers.map(({ http1Port }) => http1Port) as [number, number, number];
  const ranker = sampleModel("ranker", { "8": ["gpu-c"] });
  await publishAndWait(system, "ranking", [
    sampleShard("gpu-a", [a]),
    sampleShard("gpu-b", [b]),
    sampleShard("gpu-c", [c]),
    {
      ...ranker,
      spec: {
        ...ranker.spec,
        versions: [
          ...ranker.spec.versions,
          {
            version: "7",
            placement: [
              { shard: "gpu-a", weight: 100 },
              { shard: "gpu-b", weight: 0 },
            ],
          },
        ],
      },
    },
    sampleObjective("second", "ranker", "7"),
    sampleObjective("ranking", "ranker", "7", { shadow: [{ model: "ranker", version: "8", percent: 0 }] }),
  ]);
});

afterEach(async () => {
  await modify(Object.fromEntries([...overridden].map((key) => [key, ""])));
});

afterAll(async () => {
  await system?.stop();
  await Promise.all((servers ?? []).map((server) => server.stop()));
});

/** As an operator does it on Envoy's admin page; an empty value takes an override back. */
async function modify(values: Readonly<Record<string, string>>): Promise<void> {
  for (const key of Object.keys(values)) overridden.add(key);
  const response = await fetch(`${system.adminUrl}/runtime_modify?${new URLSearchParams(values)}`, { method: "POST" });
  expect(await response.text()).toBe("OK\n");
}

async function requestsByShard(count: number): Promise<Record<string, number>> {
  const shards: Record<string, number> = {};
  for (let index = 0; index < count; index++) {
    const response = await fetch(`${system.envoyUrl}/hash`, {
      method: "POST",
      headers: { "x-routing-key": routingKey },
      body: "{}",
    });
    const shard = response.headers.get("x-signalbox-shard") ?? `status ${response.status}`;
    const { headers } = (await response.json()) as { headers: Record<string, string> };
    expect(headers["x-signalbox-model"]).toBe("ranker@7");
    // The shard that the header names is the one that answered.
    expect(response.headers.get("x-echo-server")).toBe(shard.slice(-1));
    shards[shard] = (shards[shard] ?? 0) + 1;
  }
  return shards;
}

const copies = () =>
  servers[2]?.received.filter(({ headers }) => headers["x-signalbox-traffic-class"] === "shadow") ?? [];

describe("an operator at Envoy's admin", () => {
  test("moves a part of it; weights need not add up to those published", async () => {
    await modify({ [`${placement}.default/gpu-b`]: "300" });
    const { "default/gpu-b": moved = 0, ...others } = await requestsByShard(400);
    expect(others).toEqual({ "default/gpu-a": 400 - moved });
    // 300 of 400 within 5 sigma of a binomial distribution.
    expect(Math.abs(moved - 300)).toBeLessThan(5 * Math.sqrt(400 * 0.75 * 0.25));
  });

  test("sees the override in the admin's own layer, over what is published", async () => {
    const key = `${placement}.default/gpu-b`;
    await modify({ [key]: "7" });
    const response = await fetch(`${system.adminUrl}/runtime`);
    const { layers, entries } = (await response.json()) as {
      layers: string[];
      entries: Record<string, { final_value: string; layer_values: string[] }>;
    };
    expect(layers.at(-1)).toBe("admin");
    expect(entries[key]?.final_value).toBe("7");
    expect(entries[key]?.layer_values.at(-1)).toBe("7");
  });

  test("keeps an override while documents change and while the xds-server restarts", async () => {
    await modify({ [`${placement}.default/gpu-a`]: "0", [`${placement}.default/gpu-b`]: "100" });
    await publishAndWait(system, "second", [sampleObjective("second", "ranker", "7", { policy: { timeoutMs: 9000 } })]);
    await system.parts.xdsServer.kill();
    await system.parts.xdsServer.start();
    expect(await requestsByShard(50)).toEqual({ "default/gpu-b": 50 });
  });

  test("dials a shadow up and off, in whole per cent of the requests", async () => {
    await modify({ [shadow]: "50" });
    await requestsByShard(400);
    // 200 of 400 within 5 sigma of a binomial distribution; what Envoy would take for "more than 100" were 400.
    await eventually("about 200 copies", () => Math.abs(copies().length - 200) < 5 * Math.sqrt(400 * 0.5 * 0.5));
    await modify({ [shadow]: "" });
    await eventually("the last copy", async () => {
      const before = copies().length;
      await requestsByShard(30);
      return copies().length === before;
    });
  });
});
