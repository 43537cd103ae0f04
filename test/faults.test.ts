import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EchoServer, startEchoServer } from "./support/echo-server.ts";
import { type Load, startLoad } from "./support/load.ts";
import { answers, eventually } from "./support/processes.ts";
import { publishAndWait } from "./support/publish.ts";
import { sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";
import { type System, startSystem } from "./support/system.ts";

/** Requests that must succeed while a part is dead, before anything is concluded. */
const requestsWhileDead = 200;

let system: System;
let first: EchoServer;
let second: EchoServer;
const routingKey = "default/ranking/ranker@7";

beforeAll(async () => {
  [first, second] = await Promise.all([startEchoServer({ name: "first" }), startEchoServer({ name: "second" })]);
  system = await startSystem();
  await publishAndWait(system, "ranking", [
    sampleShard("pool", [first.http1Port, second.http1Port], { healthCheck: { path: "/ready", intervalMs: 200 } }),
    sampleModel("ranker", { "7": ["pool"] }),
    sampleObjective("ranking", "ranker", "7"),
  ]);
});

afterAll(async () => {
  await system?.stop();
  await first?.stop();
  await second?.stop();
});

/** Runs a load on Envoy with the routing key, and makes sure that it works before and after `harm`. */
async function underLoad(harm: (load: Load) => Promise<void>): Promise<Load> {
  const load = startLoad({ url: `${system.envoyUrl}/hash`, headers: { "x-routing-key": routingKey } });
  try {
    await load.untilSucceeded(50);
    await harm(load);
    await load.untilSucceeded(50);
  } finally {
    await load.stop();
  }
  return load;
}

async function resolves(): Promise<boolean> {
  const response = await fetch(`${system.resolverUrl}/v1/resolve`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ objective: "ranking", context: { userId: "user-1" } }),
  });
  const body = (await response.json()) as { routingKey?: string };
  return body.routingKey === routingKey;
}

describe("kill -9 under a steady load of requests that carry a routing key", () => {
  for (const name of ["nats", "resolver", "xdsServer"] as const) {
    test(`of ${name}: no request fails, neither while it is dead nor when it comes back`, async () => {
      const load = await underLoad(async (running) => {
        await system.parts[name].kill();
        await running.untilSucceeded(requestsWhileDead);
        await system.parts[name].start();
      });
      expect(load.failures).toEqual([]);
      await eventually("the resolver answers", resolves);
      await eventually("everything is ready", async () => {
        return (await answers(`${system.resolverUrl}/readyz`)) && (await answers(`${system.xdsUrl}/readyz`));
      });
    });
  }

  test("of all of NATS, resolver and xds-server at once: Envoy goes on alone", async () => {
    const names = ["nats", "resolver", "xdsServer"] as const;
    const load = await underLoad(async (running) => {
      await Promise.all(names.map((name) => system.parts[name].kill()));
      await running.untilSucceeded(requestsWhileDead);
      for (const name of names) await system.parts[name].start();
    });
    expect(load.failures).toEqual([]);
    await eventually("the resolver answers", resolves);
  });

  test("of Envoy: only requests sent from just before the kill until it is back may fail", async () => {
    let killedAtMs = 0;
    let backAtMs = 0;
    const load = await underLoad(async () => {
      killedAtMs = Date.now();
      await system.parts.envoy.kill();
      await system.parts.envoy.start();
      await eventually("Envoy serves again", () => answersThroughEnvoy());
      backAtMs = Date.now();
    });
    const outside = load.failures.filter(({ sentAtMs }) => sentAtMs < killedAtMs - 10_000 || sentAtMs > backAtMs);
    expect(outside).toEqual([]);
  });

  test("of one of two model servers: no request fails, the other one answers", async () => {
    const { http1Port } = first;
    const load = await underLoad(async (running) => {
      await first.stop();
      await running.untilSucceeded(requestsWhileDead);
      first = await startEchoServer({ name: "first", http1Port });
      await running.untilSucceeded(requestsWhileDead);
    });
    expect(load.failures).toEqual([]);
  });
});

describe("a restart while NATS is down", () => {
  for (const name of ["resolver", "xdsServer", "envoy"] as const) {
    test(`of ${name} comes back on the last good documents`, async () => {
      await system.parts.nats.kill();
      try {
        await system.parts[name].kill();
        await system.parts[name].start();
        await eventually("the resolver answers", resolves);
        await eventually("Envoy serves", () => answersThroughEnvoy());
      } finally {
        await system.parts.nats.start();
      }
      await eventually("everything is ready again", async () => {
        return (await answers(`${system.resolverUrl}/readyz`)) && (await answers(`${system.xdsUrl}/readyz`));
      });
    });
  }
});

async function answersThroughEnvoy(): Promise<boolean> {
  const response = await fetch(`${system.envoyUrl}/hash`, {
    method: "POST",
    headers: { "x-routing-key": routingKey },
    body: "{}",
  });
  await response.arrayBuffer();
  return response.status === 200 && response.headers.get("x-signalbox-model") === "ranker@7";
}
