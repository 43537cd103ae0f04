import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EchoProcess, startEchoProcess } from "./support/echo-process.ts";
import { type Failure, type Load, startLoad } from "./support/load.ts";
import { answers, eventually } from "./support/processes.ts";
import { publishAndWait } from "./support/publish.ts";
import { resolveAt } from "./support/resolver-client.ts";
import { sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";
import { type System, startSystem } from "./support/system.ts";

/** Requests that must succeed while a part is dead, before anything is concluded. */
const requestsWhileDead = 200;
const concurrency = 4;
/** At most so many connections lead to one model server: what is under way, and what is left of a moment before. */
const connections = 2 * concurrency;

let system: System;
let first: EchoProcess;
let second: EchoProcess;
const routingKey = "default/ranking/ranker@pool";

beforeAll(async () => {
  [first, second, system] = await Promise.all([startEchoProcess("first"), startEchoProcess("second"), startSystem()]);
  const healthCheck = { path: "/ready", intervalMs: 200, timeoutMs: 500 };
  await publishAndWait(system, "ranking", [
    sampleShard("pool", [first.port, second.port], { healthCheck }),
    sampleShard("only-first", [first.port], { healthCheck }),
    sampleShard("only-second", [second.port], { healthCheck }),
    sampleModel("ranker", { pool: ["pool"], spread: ["only-first", "only-second"], alone: ["only-first"] }),
    sampleObjective("impatient", "ranker", "pool", { policy: { timeoutMs: 1000 } }),
    sampleObjective("unretried", "ranker", "pool", { policy: { retries: 0 } }),
    sampleObjective("ranking", "ranker", "pool"),
  ]);
  await eventually("both processes have written down what they serve", () => snapshots().length === 2);
});

afterAll(async () => {
  await system?.stop();
  await first?.kill();
  await second?.kill();
});

/** The snapshots on disk that hold all of the documents. */
function snapshots(): string[] {
  const folders = readdirSync(system.folder).filter((name) => /^(resolver|xds-server)/.test(name));
  const files = folders.map((name) => join(system.folder, name, "snapshot.json")).filter((file) => existsSync(file));
  return files.filter((file) => readFileSync(file, "utf8").includes("only-second"));
}

/** Runs a load on Envoy with the routing key, and makes sure that it works before and after `harm`. */
async function underLoad(harm: (load: Load) => Promise<void>, key = routingKey): Promise<Load> {
  const load = startLoad({ url: `${system.envoyUrl}/hash`, headers: { "x-routing-key": key }, concurrency });
  try {
    await load.untilSucceeded(50);
    await harm(load);
    await load.untilSucceeded(50);
  } finally {
    await load.stop();
  }
  return load;
}

/** Resolves when so many requests in a row have succeeded. */
async function untilNoneFails(load: Load, inARow: number): Promise<void> {
  await eventually(`${inARow} requests in a row succeed`, async () => {
    const before = load.failures.length;
    await load.untilSucceeded(inARow);
    return load.failures.length === before;
  });
}

/** The error codes of Envoy's answers, each once, in alphabetical order. */
function codesOf(failures: readonly Failure[]): string[] {
  return [...new Set(failures.map(({ why }) => /"code":"(\w+)"/.exec(why)?.[1] ?? why))].sort();
}

const beside = (codes: readonly string[], ...expected: readonly string[]) =>
  codes.filter((code) => !expected.includes(code));

async function resolves(): Promise<boolean> {
  const answer = await resolveAt(system.resolverUrl, "ranking", { context: { userId: "user-1" } });
  return answer.routingKey === routingKey;
}

async function everythingIsReady(): Promise<void> {
  await eventually("the resolver answers", resolves);
  await eventually("everything is ready", async () => {
    return (await answers(`${system.resolverUrl}/readyz`)) && (await answers(`${system.xdsUrl}/readyz`));
  });
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
      await everythingIsReady();
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
    await everythingIsReady();
  });

  test("of Envoy: only requests that were under way, or came before it was back, fail", async () => {
    let killedAtMs = 0;
    let backAtMs = 0;
    const load = await underLoad(async () => {
      killedAtMs = Date.now();
      await system.parts.envoy.kill();
      await system.parts.envoy.start();
      await eventually("Envoy serves again", () => answersThroughEnvoy());
      backAtMs = Date.now();
    });
    expect(load.failures.length).toBeGreaterThan(0);
    const others = load.failures.filter(({ sentAtMs, failedAtMs }) => failedAtMs < killedAtMs || sentAtMs > backAtMs);
    expect(others).toEqual([]);
  });
});

/** Health checks look only from time to time: a server that is back gets requests a moment later. */
async function untilBothAnswer(load: Load): Promise<void> {
  const before = new Map(load.byServer);
  await eventually("both servers answer", () =>
    ["first", "second"].every((name) => (load.byServer.get(name) ?? 0) > (before.get(name) ?? 0)),
  );
}

describe("kill -9 of a model server under load", () => {
  const servers = [
    { name: "the first", server: () => first },
    { name: "the second", server: () => second },
  ];
  const placements = [
    { title: "one of the two hosts of a shard", version: "pool" },
    { title: "all of one of the two shards of a placement", version: "spread" },
  ];
  for (const { title, version } of placements) {
    for (const { name, server } of servers) {
      test(`${name}, ${title}: only what it was working on fails, the other one answers the rest`, async () => {
        const load = await underLoad(async (running) => {
          await untilBothAnswer(running);
          await server().kill();
          await running.untilSucceeded(requestsWhileDead);
          await server().start();
          await untilBothAnswer(running);
        }, `default/ranking/ranker@${version}`);
        expect(beside(codesOf(load.failures), "model_disconnected")).toEqual([]);
        expect(load.failures.length).toBeLessThanOrEqual(connections);
      });
    }
  }

  test("without retries, its share of the requests fails until the health checks notice", async () => {
    const load = await underLoad(async (running) => {
      await untilBothAnswer(running);
      await first.kill();
      await eventually("a request that could not connect", () =>
        codesOf(running.failures).includes("shard_unavailable"),
      );
      await untilNoneFails(running, requestsWhileDead);
      await first.start();
      await untilNoneFails(running, requestsWhileDead);
    }, "default/unretried/ranker@pool");
    expect(beside(codesOf(load.failures), "shard_unavailable", "model_disconnected")).toEqual([]);
  });

  test("the only one of a model: requests get 503 shard_unavailable until it is back", async () => {
    const load = await underLoad(async (running) => {
      await first.kill();
      await eventually("requests that could not connect", () =>
        running.failures.some(({ why }) => why.startsWith("503") && why.includes('"shard_unavailable"')),
      );
      await first.start();
      await untilNoneFails(running, requestsWhileDead);
    }, "default/ranking/ranker@alone");
    expect(beside(codesOf(load.failures), "shard_unavailable", "model_disconnected")).toEqual([]);
  });

  test("frozen instead of dead: what waits for it gets 504 timeout, and the health checks take it out", async () => {
    const load = await underLoad(async (running) => {
      await untilBothAnswer(running);
      first.freeze();
      try {
        await eventually("a request that waited for it", () => codesOf(running.failures).includes("timeout"));
        await untilNoneFails(running, requestsWhileDead);
      } finally {
        first.thaw();
      }
      await untilNoneFails(running, requestsWhileDead);
    }, "default/impatient/ranker@pool");
    expect(codesOf(load.failures)).toEqual(["timeout"]);
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
      await everythingIsReady();
    });
  }

  test("of everything else at once comes back on the last good documents", async () => {
    const names = ["resolver", "xdsServer", "envoy"] as const;
    await system.parts.nats.kill();
    try {
      await Promise.all(names.map((name) => system.parts[name].kill()));
      await Promise.all(names.map((name) => system.parts[name].start()));
      await eventually("the resolver answers", resolves);
      await eventually("Envoy serves", () => answersThroughEnvoy());
    } finally {
      await system.parts.nats.start();
    }
    await everythingIsReady();
  });
});

async function answersThroughEnvoy(): Promise<boolean> {
  const response = await fetch(`${system.envoyUrl}/hash`, {
    method: "POST",
    headers: { "x-routing-key": routingKey },
    body: "{}",
  });
  await response.arrayBuffer();
  return response.status === 200 && response.headers.get("x-signalbox-model") === "ranker@pool";
}
