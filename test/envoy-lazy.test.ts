import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EchoServer, startEchoServer } from "./support/echo-server.ts";
import { startLoad } from "./support/load.ts";
import { eventually } from "./support/processes.ts";
import { type RoutedEnvoy, startRoutedEnvoy } from "./support/routed-envoy.ts";
import { sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";

let routed: RoutedEnvoy;
let upstream: EchoServer;

const lazyPolicy = { loading: "lazy" } as const;

const lazy = (name: string, model = "ranker") =>
  sampleObjective(name, model, "1", { policy: lazyPolicy, unit: "userId" });

beforeAll(async () => {
  upstream = await startEchoServer();
  routed = await startRoutedEnvoy();
  await routed.publish([
    sampleShard("gpu", [upstream.http1Port]),
    sampleModel("ranker", { "1": ["gpu"] }),
    sampleModel("changing", { "1": ["gpu"] }),
    sampleModel("moving", { "1": ["gpu"] }),
    sampleObjective("eager", "ranker", "1"),
    ...["first", "big", "one-call", "loaded", "asleep"].map((name) => lazy(name)),
    lazy("changing", "changing"),
    lazy("moving", "moving"),
  ]);
});

afterAll(async () => {
  await routed?.stop();
  await upstream?.stop();
});

async function infer(key: string, body = "hello") {
  const headers = { "x-routing-key": key, "x-signalbox-model": "forged" };
  const signal = AbortSignal.timeout(60_000);
  const response = await fetch(`${routed.url}/infer`, { method: "POST", headers, body, signal });
  const answer = (await response.json()) as { bytes?: number; error?: { code: string; remedy: string } };
  return { status: response.status, model: response.headers.get("x-signalbox-model"), ...answer };
}

/** The objectives whose routes Envoy holds. */
async function loaded(): Promise<string[]> {
  const dump = JSON.parse(await routed.envoy.admin("/config_dump?resource=dynamic_route_configs")) as {
    configs?: { route_config: { name: string } }[];
  };
  return (dump.configs ?? []).map(({ route_config }) => route_config.name);
}

describe("a lazy objective", () => {
  test("is loaded by its first request, which is answered, and by nothing else", async () => {
    expect(await loaded()).toContain("default/eager");
    expect(await loaded()).not.toContain("default/first");
    expect(await infer("default/first/ranker@1")).toMatchObject({ status: 200, model: "ranker@1" });
    expect(await loaded()).toContain("default/first");
    expect(await loaded()).not.toContain("default/asleep");
  });

  test("gets the body of its first request whole", async () => {
    const bytes = 8 * 1024 * 1024;
    expect(await infer("default/big/ranker@1", "x".repeat(bytes))).toMatchObject({ status: 200, bytes });
  });

  test("selects in one call at its first request", async () => {
    const headers = { "x-signalbox-objective": "default/one-call", "x-signalbox-context-userid": "u1" };
    const response = await fetch(`${routed.oneCallUrl}/infer`, { method: "POST", headers, body: "hello" });
    await response.arrayBuffer();
    expect(response.status).toBe(200);
    expect(response.headers.get("x-signalbox-model")).toBe("ranker@1");
  });

  test("is loaded as it is by then, when it changed before", async () => {
    await routed.publish([sampleModel("changing", { "1": ["gpu"], "2": ["gpu"] })]);
    expect(await loaded()).not.toContain("default/changing");
    expect(await infer("default/changing/changing@2")).toMatchObject({ status: 200, model: "changing@2" });
  });

  test("that moves to a new shard, and from the old one, before anybody asked is answered at its first request", async () => {
    for (let n = 0; n < 5; n++) {
      await routed.publish([
        sampleShard(`new-${n}`, [upstream.http1Port]),
        sampleModel("unasked", { [n]: [`new-${n}`] }),
        ...["a", "b"].map((name) =>
          sampleObjective(`unasked-${name}-${n}`, "unasked", String(n), { policy: lazyPolicy }),
        ),
        ...(n > 0 ? ["a", "b"].map((name) => `objective.default.unasked-${name}-${n - 1}`) : []),
        ...(n > 0 ? [`shard.default.new-${n - 1}`] : []),
      ]);
      // Acknowledged, so resolvers may give out its keys: none may fail, the very first request at once.
      const keys = ["a", "b"].map((name) => `default/unasked-${name}-${n}/unasked@${n}`);
      const answers = await Promise.all(keys.map((key) => infer(key)));
      expect(answers).toMatchObject(keys.map(() => ({ status: 200, model: `unasked@${n}` })));
    }
  });

  test("once loaded follows its changes, and no request fails while its model moves", async () => {
    const load = startLoad({ url: `${routed.url}/infer`, headers: { "x-routing-key": "default/moving/moving@1" } });
    await load.untilSucceeded(20);
    for (let n = 0; n < 4; n++) {
      await routed.publish([
        sampleShard(`shard-${n}`, [upstream.http1Port]),
        sampleModel("moving", { "1": [`shard-${n}`] }),
        ...(n > 0 ? [`shard.default.shard-${n - 1}`] : []),
      ]);
      await eventually("requests on the new shard", async () => {
        const headers = { "x-routing-key": "default/moving/moving@1" };
        const response = await fetch(`${routed.url}/infer`, { method: "POST", headers, body: "hello" });
        await response.arrayBuffer();
        return response.headers.get("x-signalbox-shard") === `default/shard-${n}`;
      });
      await load.untilSucceeded(10);
    }
    await load.stop();
    expect(load.failures).toEqual([]);
  });

  test("goes away when it is deleted, loaded or not", async () => {
    await routed.publish(["objective.default.first", "objective.default.changing"]);
    for (const key of ["default/first/ranker@1", "default/changing/changing@1"]) {
      await eventually(`404 for ${key}`, async () => (await infer(key)).error?.code === "unknown_objective");
    }
  });
});

test("without any xds-server, what was loaded keeps working, and what was not is refused with the reason", async () => {
  expect(await infer("default/loaded/ranker@1")).toMatchObject({ status: 200 });
  routed.stopXdsServer();
  expect(await infer("default/asleep/ranker@1")).toMatchObject({
    status: 503,
    error: { code: "routes_unavailable", remedy: expect.stringContaining("policy.loading") },
  });
  expect(await infer("default/loaded/ranker@1")).toMatchObject({ status: 200, model: "ranker@1" });
  expect(await infer("default/nobody/ranker@1")).toMatchObject({ status: 404, error: { code: "unknown_objective" } });
});
