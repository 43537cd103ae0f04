import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ShardInput } from "../config/documents/shard.ts";
import { type EchoServer, startEchoServer } from "./support/echo-server.ts";
import { type MovingWorld, startMovingWorld } from "./support/moving-world.ts";
import { freePort } from "./support/ports.ts";
import { eventually } from "./support/processes.ts";
import { publishDocuments } from "./support/publish.ts";
import { resolveAt } from "./support/resolver-client.ts";
import { sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";

const checked = { healthCheck: { path: "/ready", intervalMs: 200 } } satisfies Partial<ShardInput["spec"]>;

let world: MovingWorld;
let other: EchoServer;
const sockets = new Set<Socket>();
const servers: (Server | HttpServer)[] = [];

beforeAll(async () => {
  [other, world] = await Promise.all([startEchoServer({ name: "other" }), startMovingWorld(checked)]);
  await publish(sampleShard("other", [other.http1Port], checked));
});

afterAll(async () => {
  await world?.stop();
  for (const socket of sockets) socket.destroy();
  for (const server of servers) server.close();
  await other?.stop();
});

async function publish(...documents: readonly object[]): Promise<void> {
  await publishDocuments(world.system.natsUrl, documents);
}

/** Answers `/ready` with 503, and everything else with 500, until it is told to be ready. */
async function startSlowServer(): Promise<{ readonly port: number; becomeReady(): void }> {
  const port = await freePort();
  let isReady = false;
  const server = createHttpServer((request, response) => {
    request.resume();
    response.statusCode = isReady ? 200 : request.url === "/ready" ? 503 : 500;
    response.setHeader("x-echo-server", "slow");
    response.end();
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    port,
    becomeReady: () => {
      isReady = true;
    },
  };
}

/** Accepts connections, and never answers. */
async function startHalfDeadServer(): Promise<number> {
  const port = await freePort();
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    sockets.add(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return port;
}

const servedBy = (name: string) => async () => {
  const { load } = world;
  const before = load.byServer.get(name) ?? 0;
  await load.untilSucceeded(5);
  return (load.byServer.get(name) ?? 0) > before;
};

test("a move to a slow shard waits until it is ready, costs no request and holds nobody else up", async () => {
  const slow = await startSlowServer();
  await publish(sampleShard("slow", [slow.port], checked));
  await world.moveTo("slow");
  await eventually("it is held back, with the reason", async () =>
    (await world.heldReasons())["default/moving"]?.includes(
      `shard default/slow has no ready host: 127.0.0.1:${slow.port}`,
    ),
  );
  await world.changeBystander();
  await world.load.untilSucceeded(20);
  expect(world.load.byServer.get("slow")).toBeUndefined();
  slow.becomeReady();
  await eventually("the slow shard serves", servedBy("slow"), 30_000);
  await eventually("nothing is held back", async () => Object.keys(await world.heldReasons()).length === 0);
  expect(world.load.failures).toEqual([]);
  await world.moveTo("good");
  await eventually("back", servedBy("good"), 30_000);
});

test.each([
  ["dead", async () => await freePort()],
  ["half-dead", startHalfDeadServer],
])("a move to a %s shard never happens, costs no request and holds nobody else up", async (kind, start) => {
  const name = `shard-${kind}`;
  await publish(sampleShard(name, [await start()], checked));
  await world.moveTo(name);
  await eventually("it is held back", async () => (await world.heldReasons())["default/moving"]?.includes(name));
  await world.changeBystander();
  await world.changeBystander();
  await world.load.untilSucceeded(50);
  expect(world.load.failures).toEqual([]);
  await world.moveTo("other");
  await eventually("the move to a shard that is ready", servedBy("other"), 30_000);
  expect(world.load.failures).toEqual([]);
  await world.moveTo("good");
  await eventually("back", servedBy("good"), 30_000);
});

test("hosts that are replaced by ones that are not ready stay until those are", async () => {
  const slow = await startSlowServer();
  const before = world.load.byServer.get("slow") ?? 0;
  await publish(sampleShard("good", [slow.port], checked));
  await eventually("it is held back", async () =>
    (await world.heldReasons())["default/moving"]?.includes("default/good"),
  );
  await world.load.untilSucceeded(50);
  expect(world.load.byServer.get("slow") ?? 0).toBe(before);
  slow.becomeReady();
  await eventually("the new host serves", servedBy("slow"), 30_000);
  await publish(sampleShard("good", [world.good.http1Port], checked));
  await eventually("the old host again", servedBy("good"), 30_000);
  expect(world.load.failures).toEqual([]);
});

test("a resolver does not name a new version before its shard is ready, and says why there is no answer yet", async () => {
  const slow = await startSlowServer();
  await publish(
    sampleShard("late", [slow.port], checked),
    sampleModel("late", { "1": ["late"] }),
    sampleObjective("late", "late", "1"),
  );
  const resolve = (objective: string) =>
    resolveAt(world.system.resolverUrl, objective, { context: { userId: "user-1" } });
  const answer = await eventually("the reason", async () => {
    const { error } = await resolve("late");
    return error?.message.includes("no ready host") && error;
  });
  expect(answer).toMatchObject({ code: "not_ready" });
  slow.becomeReady();
  await eventually("the answer", async () => (await resolve("late")).routingKey === "default/late/late@1", 30_000);
});
