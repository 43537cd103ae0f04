import { createServer, type Server, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EchoServer, startEchoServer } from "./support/echo-server.ts";
import { startLoad } from "./support/load.ts";
import { freePort } from "./support/ports.ts";
import { eventually } from "./support/processes.ts";
import { type RoutedEnvoy, startRoutedEnvoy } from "./support/routed-envoy.ts";
import { sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";

let routed: RoutedEnvoy;
let upstream: EchoServer;
let silent: Server;
let silentPort: number;
const sockets = new Set<Socket>();

beforeAll(async () => {
  upstream = await startEchoServer();
  silentPort = await freePort();
  // Accepts connections and never answers.
  silent = createServer((socket) => {
    socket.on("error", () => undefined);
    sockets.add(socket);
  });
  await new Promise<void>((resolve) => silent.listen({ port: silentPort, host: "127.0.0.1" }, resolve));
  routed = await startRoutedEnvoy({ clusterAckTimeoutMs: 1000 });
  await routed.publish([
    sampleShard("old", [upstream.http1Port]),
    sampleModel("ranker", { "1": ["old"] }),
    sampleObjective("ranking", "ranker", "1"),
  ]);
});

afterAll(async () => {
  await routed?.stop();
  for (const socket of sockets) socket.destroy();
  silent?.close();
  await upstream?.stop();
});

async function infer(key: string): Promise<Response> {
  const headers = { "x-routing-key": key };
  const response = await fetch(`${routed.url}/infer`, { method: "POST", headers, body: "hello" });
  await response.arrayBuffer();
  return response;
}

const serves = (key: string) => async () => (await infer(key)).status === 200;

describe("while requests run", () => {
  test("a model moves from shard to shard, the old one being deleted, and none fails", async () => {
    const load = startLoad({ url: `${routed.url}/infer`, headers: { "x-routing-key": "default/ranking/ranker@1" } });
    await load.untilSucceeded(50);
    let from = "old";
    for (let n = 0; n < 5; n++) {
      const to = `shard-${n}`;
      await routed.publish([
        sampleShard(to, [upstream.http1Port], { healthCheck: { path: "/ready", intervalMs: 100 } }),
        sampleModel("ranker", { "1": [to] }),
        `shard.default.${from}`,
      ]);
      await eventually(`the new shard ${to}`, async () => {
        const response = await infer("default/ranking/ranker@1");
        return response.headers.get("x-signalbox-shard") === `default/${to}`;
      });
      await load.untilSucceeded(20);
      from = to;
    }
    await load.stop();
    expect(load.failures).toEqual([]);
    await eventually("the old clusters gone", async () => {
      const clusters = await routed.envoy.admin("/clusters");
      return !clusters.includes("default/old::") && !clusters.includes("default/shard-0::");
    });
  });

  test("versions come and go, and requests for the others do not fail", async () => {
    const load = startLoad({ url: `${routed.url}/infer`, headers: { "x-routing-key": "default/ranking/ranker@1" } });
    for (let n = 2; n < 8; n++) {
      await routed.publish([sampleModel("ranker", { "1": ["shard-4"], [String(n)]: ["shard-4"] })]);
      await load.untilSucceeded(10);
    }
    await load.stop();
    expect(load.failures).toEqual([]);
    expect((await infer("default/ranking/ranker@7")).headers.get("x-signalbox-fallback")).toBeNull();
    expect((await infer("default/ranking/ranker@6")).headers.get("x-signalbox-fallback")).toBe("unknown-key");
  });
});

describe("one document does not hold up another", () => {
  test("a new shard whose health check hangs does not keep others' routes waiting for ever", async () => {
    const hanging = { healthCheck: { path: "/ready", intervalMs: 60_000, timeoutMs: 60_000 } };
    await routed.publish(
      [
        sampleShard("hanging", [silentPort], hanging),
        sampleShard("fine", [upstream.http1Port]),
        sampleModel("fine", { "1": ["fine"] }),
        sampleObjective("fine", "fine", "1"),
      ],
      { wait: false },
    );
    await eventually("the routes of the other objective", serves("default/fine/fine@1"));
    await routed.publish(["shard.default.hanging"]);
  });

  test("a cluster that Envoy refuses is refused alone, with its reason", async () => {
    const tls = { caFile: "/there/is/no/such/file.pem" };
    await routed.publish([sampleShard("broken", [upstream.http1Port], { tls })], { wait: false });
    await eventually("the refusal", () => routed.nacks().some((text) => text.includes("/there/is/no/such/file.pem")));
    await routed.publish(
      [
        sampleShard("whole", [upstream.http1Port]),
        sampleModel("whole", { "1": ["whole"] }),
        sampleObjective("whole", "whole", "1"),
      ],
      { wait: false },
    );
    await eventually("the routes of the other objective", serves("default/whole/whole@1"));
    expect(routed.nacks()).toHaveLength(1);
    await routed.publish(["shard.default.broken"]);
    expect(routed.nacks()).toEqual([]);
  });

  test("a deleted objective answers 404 at once, and the others go on", async () => {
    await routed.publish(["objective.default.fine"]);
    await eventually("404", async () => (await infer("default/fine/fine@1")).status === 404);
    expect((await infer("default/ranking/ranker@1")).status).toBe(200);
  });
});
