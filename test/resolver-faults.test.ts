import { existsSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { service as healthService } from "grpc-health-check";
import { afterEach, describe, expect, test } from "vitest";
import { readStatuses } from "../rollout/heartbeat.ts";
import { startNats, type TestNats } from "./support/nats.ts";
import { freePort, freePorts } from "./support/ports.ts";
import { eventually, type Running, temporaryFolder } from "./support/processes.ts";
import { publish, resolverDocuments, startTestResolver, type TestResolver } from "./support/resolver.ts";
import { grpcClient, postJson } from "./support/resolver-client.ts";
import { callUnary, type Methods } from "./support/unary-call.ts";

const running: Running[] = [];
afterEach(async () => {
  for (const each of running.splice(0).reverse()) await each.stop("SIGKILL");
});

function kept<T extends Running>(started: T): T {
  running.push(started);
  return started;
}

async function natsWithDocuments(folder: string, port?: number): Promise<TestNats> {
  const nats = kept(await startNats(folder, port));
  await publish(nats.url, resolverDocuments);
  return nats;
}

const resolve = (resolver: TestResolver) =>
  postJson(`${resolver.url}/v1/resolve`, { objective: "ranking", context: { userId: "u1" } });
const readiness = async (resolver: TestResolver) => {
  const response = await fetch(`${resolver.url}/readyz`);
  return { status: response.status, body: JSON.stringify(await response.json()) };
};

describe("with NATS killed", () => {
  test("the resolver goes on answering, stays ready and tells how stale it may be", async () => {
    const folder = temporaryFolder();
    const nats = await natsWithDocuments(folder);
    const resolver = kept(await startTestResolver({ natsUrl: nats.url, dataFolder: folder }));
    const before = (await resolve(resolver)).body;
    await nats.stop("SIGKILL");
    await eventually("the loss in /readyz", async () => (await readiness(resolver)).body.includes("staleSince"));
    expect((await resolve(resolver)).body).toEqual(before);
    expect((await readiness(resolver)).status).toBe(200);
    const metrics = await (await fetch(`${resolver.url}/metrics`)).text();
    expect(metrics).toContain("signalbox_documents_store_connected 0");
    expect(metrics).toMatch(/signalbox_documents_stale_seconds (?!0\n)/);
  });

  test("a resolver that is killed comes back on its last snapshot, with the same answers", async () => {
    const folder = temporaryFolder();
    const nats = await natsWithDocuments(folder);
    const ports = (await freePorts(2)) as [number, number];
    const options = { natsUrl: nats.url, dataFolder: folder, ports };
    const first = kept(await startTestResolver(options));
    const before = (await resolve(first)).body;
    await eventually("the snapshot", async () => existsSync(join(folder, `resolver-${ports[0]}`)));
    await first.stop("SIGTERM");
    await nats.stop("SIGKILL");
    const second = kept(await startTestResolver(options));
    expect((await resolve(second)).body).toEqual(before);
    expect((await readiness(second)).body).toContain('"source":"snapshot"');
    expect(second.output()).toContain("loaded the last-good snapshot");
    await second.stop("SIGKILL");
    const third = kept(await startTestResolver(options));
    expect((await resolve(third)).body).toEqual(before);
  });

  test("the resolver takes up what was published when NATS is back", async () => {
    const folder = temporaryFolder();
    const nats = await natsWithDocuments(folder);
    const resolver = kept(await startTestResolver({ natsUrl: nats.url, dataFolder: folder }));
    await nats.stop("SIGKILL");
    await eventually("the loss", async () => (await readiness(resolver)).body.includes("staleSince"));
    const again = kept(await startNats(folder, nats.port));
    const [shard] = resolverDocuments;
    if (shard?.kind !== "Shard") throw new Error("no shard");
    const moved = { ...shard, spec: { ...shard.spec, connectTimeoutMs: 1234 } };
    const revision = await publish(again.url, [moved]);
    await eventually("the new revision", async () => (await resolve(resolver)).body.revision === revision);
    expect((await readiness(resolver)).body).not.toContain("staleSince");
  });
});

describe("without NATS and without a snapshot", () => {
  test("the resolver is alive, not ready, says why, and gets ready when NATS comes", async () => {
    const folder = temporaryFolder();
    const port = await freePort();
    const natsUrl = `nats://127.0.0.1:${port}`;
    const resolver = kept(await startTestResolver({ natsUrl, dataFolder: folder, readyPath: "/healthz" }));
    const refused = await resolve(resolver);
    expect([refused.status, refused.body.error]).toMatchObject([503, { code: "not_ready", retryable: true }]);
    expect(refused.headers.get("retry-after")).toBe("1");
    const { status, body } = await eventually("the reason", async () => {
      const found = await readiness(resolver);
      return found.body.includes("does not answer") && found;
    });
    expect(status).toBe(503);
    expect(body).toContain("documents: none yet: NATS does not answer");
    expect(await grpcHealth(resolver)).toEqual({ status: "NOT_SERVING" });
    await natsWithDocuments(folder, port);
    await eventually("an answer", async () => (await resolve(resolver)).status === 200);
    expect((await readiness(resolver)).status).toBe(200);
    await eventually("SERVING", async () => ((await grpcHealth(resolver)) as { status: string }).status === "SERVING");
  });

  test("SIGTERM ends it all the same", async () => {
    const natsUrl = `nats://127.0.0.1:${await freePort()}`;
    const resolver = kept(await startTestResolver({ natsUrl, dataFolder: temporaryFolder(), readyPath: "/healthz" }));
    await resolver.stop("SIGTERM");
    expect(await resolver.ended).toBe(0);
  });
});

describe("SIGTERM", () => {
  test("lets the requests under way end, refuses new ones, leaves the status, and ends with code 0", async () => {
    const folder = temporaryFolder();
    const nats = await natsWithDocuments(folder);
    const resolver = kept(await startTestResolver({ natsUrl: nats.url, dataFolder: folder }));
    await eventually("the heartbeat", async () => (await readStatuses({ servers: nats.url })).length === 1);
    const body = JSON.stringify({ objective: "ranking" });
    const underWay = httpRequest(`${resolver.url}/v1/resolve`, {
      method: "POST",
      headers: { "content-type": "application/json", "content-length": body.length },
    });
    const answered = new Promise<{ status?: number; connection?: string }>((done, reject) => {
      underWay.once("error", reject);
      underWay.once("response", (response) => {
        response.resume();
        response.once("end", () => done({ status: response.statusCode, connection: response.headers.connection }));
      });
    });
    underWay.write(body.slice(0, 5));
    await requestHasArrived(resolver);
    const ended = resolver.stop("SIGTERM");
    await eventually("the refusal of new connections", async () => {
      try {
        await fetch(`${resolver.url}/healthz`);
        return false;
      } catch {
        return true;
      }
    });
    underWay.end(body.slice(5));
    expect(await answered).toEqual({ status: 200, connection: "close" });
    await ended;
    expect(await resolver.ended).toBe(0);
    expect(await readStatuses({ servers: nats.url })).toEqual([]);
  });

  test("does not wait for clients that only watch its health", async () => {
    const folder = temporaryFolder();
    const nats = await natsWithDocuments(folder);
    const resolver = kept(
      await startTestResolver({
        natsUrl: nats.url,
        dataFolder: folder,
        environment: { DRAIN_TIMEOUT_MS: "600000" },
      }),
    );
    const client = grpcClient(resolver.grpcAddress);
    const { Watch } = healthService as unknown as Methods;
    if (!Watch) throw new Error("the health service has no Watch");
    const statuses: unknown[] = [];
    const watch = client.makeServerStreamRequest(Watch.path, Watch.requestSerialize, Watch.responseDeserialize, {});
    const over = new Promise((done) => watch.on("error", done).on("end", done));
    watch.on("data", (answer) => statuses.push(answer));
    await eventually("the first status", () => statuses.length > 0);
    await resolver.stop("SIGTERM");
    await over;
    client.close();
    expect(await resolver.ended).toBe(0);
    expect(statuses).toEqual([{ status: "SERVING" }, { status: "NOT_SERVING" }]);
  });

  test("cuts off a request that never ends, after the time for draining", async () => {
    const folder = temporaryFolder();
    const nats = await natsWithDocuments(folder);
    const environment = { DRAIN_TIMEOUT_MS: "100" };
    const resolver = kept(await startTestResolver({ natsUrl: nats.url, dataFolder: folder, environment }));
    const endless = httpRequest(`${resolver.url}/v1/resolve`, {
      method: "POST",
      headers: { "content-length": 100 },
    });
    const cutOff = new Promise((done) => endless.once("error", done));
    endless.write("{");
    await requestHasArrived(resolver);
    await resolver.stop("SIGTERM");
    await cutOff;
    expect(await resolver.ended).toBe(0);
  });
});

describe("a start that cannot work ends with code 1 and one message", () => {
  test.each(["RESOLVER_HTTP_PORT", "RESOLVER_GRPC_PORT"])("when %s is in use", async (variable) => {
    const server = createServer();
    const port = await freePort();
    await new Promise<void>((done) => server.listen(port, "127.0.0.1", done));
    const message = await failedStart({ [variable]: String(port) });
    server.close();
    expect(message).toContain(`Port ${port} of 127.0.0.1 is in use`);
    expect(message).toContain(`set ${variable} to another port`);
  });

  test("when the environment is wrong, with every variable", async () => {
    const message = await failedStart({ LOG_LEVEL: "loud", RESOLVER_HTTP_PORT: "http" });
    expect(message).toContain('LOG_LEVEL="loud"');
    expect(message).toContain('RESOLVER_HTTP_PORT="http"');
    expect(message).not.toMatch(/\n {4}at /);
  });
});

/** Starts a resolver that ends by itself; what it wrote on the way. */
async function failedStart(environment: Record<string, string>): Promise<string> {
  const natsUrl = `nats://127.0.0.1:${await freePort()}`;
  const started = startTestResolver({ natsUrl, dataFolder: temporaryFolder(), environment, readyPath: "/healthz" });
  const error = await started.then(
    (resolver) => kept(resolver) && null,
    (thrown: Error) => thrown,
  );
  expect(error).not.toBeNull();
  return error?.message ?? "";
}

async function grpcHealth(resolver: TestResolver): Promise<object> {
  const client = grpcClient(resolver.grpcAddress);
  const answer = await callUnary(client, healthService as unknown as Methods, "Check", { service: "" }, {});
  client.close();
  return answer;
}

/** A connection of its own is accepted in turn, so an answer on a later one means that the earlier one was read. */
async function requestHasArrived(resolver: TestResolver): Promise<void> {
  for (let n = 0; n < 3; n++) await fetch(`${resolver.url}/healthz`, { headers: { connection: "close" } });
}
