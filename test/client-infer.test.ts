import { Metadata, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type ClientEvent, createSignalbox, type Signalbox, type SignalboxOptions } from "../client/index.ts";
import { readStatuses } from "../rollout/heartbeat.ts";
import { createEchoGrpcClient } from "./support/echo-grpc.ts";
import { type EchoServer, type Received, startEchoServer } from "./support/echo-server.ts";
import { freePort } from "./support/ports.ts";
import { answers, eventually, temporaryFolder } from "./support/processes.ts";
import { publishAndWait, publishDocuments } from "./support/publish.ts";
import { sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";
import { type System, startSystem } from "./support/system.ts";

let system: System;
let echo: EchoServer;

beforeAll(async () => {
  [echo, system] = await Promise.all([startEchoServer(), startSystem()]);
  const grpcModel = sampleModel("chat", { "1": ["grpc"] });
  await publishAndWait(system, "ranking", [
    sampleShard("pool", [echo.http1Port]),
    {
      ...sampleShard("grpc", [echo.grpcPort]),
      spec: { ...sampleShard("grpc", [echo.grpcPort]).spec, protocol: "grpc" },
    },
    sampleModel("ranker", { "7": ["pool"], "8": ["pool"] }),
    grpcModel,
    sampleObjective("strict", "ranker", "7", { policy: { onUnknownKey: "reject" } }),
    sampleObjective("chat", "chat", "1", { default: { model: "chat", version: "1", parameters: { warm: true } } }),
    sampleObjective("ranking", "ranker", "7", {
      default: { model: "ranker", version: "7", parameters: { threshold: 0.5 } },
      rules: [
        {
          name: "kiosks",
          when: { device: "kiosk" },
          serve: { model: "ranker", version: "8", parameters: { beam: 4 } },
        },
      ],
    }),
  ]);
});

afterAll(async () => {
  await system?.stop();
  await echo?.stop();
});

function makeClient(options: Partial<SignalboxOptions> = {}) {
  const events: ClientEvent[] = [];
  const client = createSignalbox({
    resolverUrl: system.resolverUrl,
    envoyUrl: system.envoyUrl,
    timeoutMs: 20_000,
    onEvent: (event) => events.push(event),
    ...options,
  } as SignalboxOptions);
  onTestFinished(() => client.close());
  return { client, events };
}

const input = { name: "x", shape: [1], datatype: "FP32", data: [1] };
const kiosk = { userId: "u1", device: "kiosk" };
const received = async (response: Response) => (await response.json()) as Received;
const configIn = (headers: Readonly<Record<string, string>>) =>
  JSON.parse(Buffer.from(headers["x-signalbox-config"] ?? "", "base64url").toString());

describe.each(["remote", "local"])("infer in %s mode", (mode) => {
  const make = (options: Partial<SignalboxOptions> = {}) =>
    mode === "remote"
      ? makeClient(options)
      : makeClient({ resolverUrl: undefined, nats: system.natsUrl, snapshotFolder: temporaryFolder(), ...options });

  test("sends an Open Inference request with its parameters to the model that was chosen", async () => {
    const { client } = make({ client: "web", trafficClass: "test" });
    const { response, answer } = await client.infer("ranking", kiosk, { inputs: [input] }, { path: "/echo" });
    expect(answer.config).toMatchObject({ version: "8", rule: "kiosks" });
    expect(response.headers.get("x-signalbox-model")).toBe("ranker@8");
    expect(await response.json()).toEqual({ inputs: [input], parameters: { beam: 4 } });
    const { headers } = echo.received.at(-1) as Received;
    expect(headers).toMatchObject({
      "x-signalbox-client": "web",
      "x-signalbox-traffic-class": "test",
      "x-signalbox-decision": expect.stringContaining("rule=kiosks"),
    });
  });

  test("sends bytes as they are, with the config in a header", async () => {
    const { client } = make();
    const { response } = await client.infer("ranking", kiosk, new Uint8Array(100_000), { path: "/hash" });
    const { headers, bytes } = await received(response);
    expect(bytes).toBe(100_000);
    expect(configIn(headers)).toMatchObject({ model: "ranker", version: "8", parameters: { beam: 4 } });
  });
});

test("streams go in and come out as they are", async () => {
  const { client } = makeClient();
  let release: () => void = () => undefined;
  const isRead = new Promise<void>((resolve) => {
    release = resolve;
  });
  async function* chunks() {
    yield new TextEncoder().encode("first ");
    // Only after the first chunk has come back: nobody holds the body.
    await isRead;
    yield new TextEncoder().encode("second");
  }
  const { response } = await client.infer("ranking", {}, chunks(), { path: "/echo" });
  const reader = (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
  expect(await reader.read()).toEqual({ done: false, value: "first " });
  release();
  expect(await reader.read()).toEqual({ done: false, value: "second" });
  expect((await reader.read()).done).toBe(true);
});

test("server-sent events come as they are sent", async () => {
  const { client } = makeClient();
  const { response } = await client.infer("ranking", {}, "{}", { path: "/sse?count=3&intervalMs=10" });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  expect(await response.text()).toBe([1, 2, 3].map((tick) => `data: {"tick":${tick}}\n\n`).join(""));
});

test("a version that fails is answered by the default, with the default's own parameters", async () => {
  const failing = await startEchoServer({ name: "failing" });
  const healthCheck = { path: "/ready", intervalMs: 200 };
  await publishAndWait(system, "risky", [
    sampleShard("mortal", [failing.http1Port], { healthCheck }),
    sampleModel("risky", { "1": ["pool"], "2": ["mortal"] }),
    sampleObjective("risky", "risky", "1", {
      default: { model: "risky", version: "1", parameters: { safe: true } },
      rules: [{ name: "new", when: { device: "tv" }, serve: { model: "risky", version: "2" } }],
    }),
  ]);
  const { client, events } = makeClient();
  const ask = () => client.infer("risky", { device: "tv" }, { inputs: [input] }, { path: "/echo" });
  await eventually("the new version answers", async () => {
    const { response } = await ask();
    await response.body?.cancel();
    return response.headers.get("x-signalbox-model") === "risky@2";
  });
  await client.ready;
  await failing.stop();
  const { response, answer } = await ask();
  expect([response.status, response.headers.get("x-signalbox-model")]).toEqual([200, "risky@1"]);
  expect(await response.json()).toEqual({ inputs: [input], parameters: { safe: true } });
  expect(answer).toMatchObject({ source: "default", routingKey: "default/risky/risky@1" });
  expect(events).toContainEqual({
    type: "infer-retried",
    objective: "default/risky",
    from: "default/risky/risky@2",
    to: "default/risky/risky@1",
    reason: "status 503",
  });
});

test("what the model answers is the answer, also when the fallback answers the same", async () => {
  const { client } = makeClient();
  const { response, answer } = await client.infer("ranking", kiosk, "{}", { path: "/status?code=500" });
  expect([response.status, answer.config.version]).toEqual([500, "7"]);
  const { response: once } = await client.infer("ranking", kiosk, "{}", {
    path: "/status?code=500",
    retryOnFallback: false,
  });
  expect(once.headers.get("x-signalbox-model")).toBe("ranker@8");
  const { response: other } = await client.infer("ranking", kiosk, "{}", { path: "/status?code=404" });
  expect([other.status, other.headers.get("x-signalbox-model")]).toEqual([404, "ranker@8"]);
});

test("an abort ends a request under way", async () => {
  const { client } = makeClient();
  const giveUp = new AbortController();
  const options = { path: "/slow?delayMs=60000", signal: giveUp.signal };
  const before = echo.received.length;
  const asking = client.infer("ranking", {}, "{}", options);
  await eventually("the model has it", () => echo.received.length > before);
  giveUp.abort(new Error("enough"));
  await expect(asking).rejects.toThrow("enough");
});

describe("with every resolver dead and nothing known", () => {
  const deadClient = async () => makeClient({ resolverUrl: `http://127.0.0.1:${await freePort()}` });

  test("Envoy gives the objective's default", async () => {
    const { client, events } = await deadClient();
    const { response, answer } = await client.infer("ranking", kiosk, "{}", { path: "/hash" });
    expect([response.status, answer.source]).toEqual([200, "unresolved"]);
    expect(response.headers.get("x-signalbox-model")).toBe("ranker@7");
    expect(response.headers.get("x-signalbox-fallback")).toBe("unknown-key");
    expect(events).toContainEqual(expect.objectContaining({ type: "fell-back", source: "unresolved" }));
  });

  test("an objective that takes no unknown keys says so", async () => {
    const { client } = await deadClient();
    const { response } = await client.infer("strict", {}, "{}", { path: "/hash" });
    expect([response.status, await response.json()]).toMatchObject([404, { error: { code: "unknown_version" } }]);
  });
});

test("local mode answers from a new revision only once Envoy can serve it", async () => {
  const objective = sampleObjective("staged", "ranker", "7");
  await publishAndWait(system, "staged", [objective]);
  const { client } = makeClient({ resolverUrl: undefined, nats: system.natsUrl, snapshotFolder: temporaryFolder() });
  await eventually("it is live", async () => {
    return (await client.resolve("staged", {}).catch(() => null))?.config.version === "7";
  });
  const { processId } = system.parts.xdsServer.running();
  process.kill(processId, "SIGSTOP");
  try {
    const revision = await publishDocuments(system.natsUrl, [sampleObjective("staged", "ranker", "8")]);
    await eventually("the client has the document", async () => {
      const statuses = await readStatuses({ servers: system.natsUrl });
      return statuses.some(({ id, rollout }) => {
        return id.startsWith("client-") && rollout?.held.some((held) => held.revision === revision);
      });
    });
    expect((await client.resolve("staged", {})).config.version).toBe("7");
  } finally {
    process.kill(processId, "SIGCONT");
  }
  await eventually("the new version answers", async () => (await client.resolve("staged", {})).config.version === "8");
  const { response } = await client.infer("staged", {}, "{}", { path: "/hash" });
  expect(response.headers.get("x-signalbox-model")).toBe("ranker@8");
  await response.body?.cancel();
});

test("the resolver and NATS die under load: no request fails, and none meets another model", async () => {
  const { client } = makeClient({ timeoutMs: 500 });
  await client.ready;
  const users = Array.from({ length: 20 }, (_, index) => ({ userId: `u${index}`, device: index % 2 ? "kiosk" : "tv" }));
  const sendAll = () =>
    Promise.all(
      users.map(async (context) => {
        const { response } = await client.infer("ranking", context, "{}", { path: "/hash" });
        await response.body?.cancel();
        return [response.status, response.headers.get("x-signalbox-model")];
      }),
    );
  const expected = users.map(({ device }) => [200, device === "kiosk" ? "ranker@8" : "ranker@7"]);
  expect(await sendAll()).toEqual(expected);
  await Promise.all([system.parts.resolver.kill(), system.parts.nats.kill()]);
  try {
    for (let round = 0; round < 10; round++) expect(await sendAll()).toEqual(expected);
  } finally {
    await system.parts.nats.start();
    await system.parts.resolver.start();
    await eventually("the resolver answers again", () => answers(`${system.resolverUrl}/readyz`));
  }
});

describe("the fetch wrapper", () => {
  test("adds the headers to what another library sends", async () => {
    const { client } = makeClient();
    const wrapped = client.fetch("ranking", (request) => ({ device: request.headers.get("x-device") ?? "" }));
    const init = { method: "POST", body: '{"messages":[]}', headers: { "x-device": "kiosk" } };
    const { headers, bytes } = await received(await wrapped("/hash", init));
    expect([bytes, configIn(headers).version]).toEqual([init.body.length, "8"]);
  });
});

describe("the gRPC interceptor", () => {
  const collect = (signalbox: Signalbox, objective: string, messages: readonly string[]) => {
    const address = new URL(system.envoyUrl).host;
    const interceptor = signalbox.interceptor(objective, (metadata) => ({ userId: String(metadata.get("x-user")[0]) }));
    const client = createEchoGrpcClient(address, [interceptor]);
    onTestFinished(client.close);
    const metadata = new Metadata();
    metadata.set("x-user", "u1");
    return client.collect(
      messages.map((message) => Buffer.from(message)),
      metadata,
    );
  };

  test("adds key, decision and config to the metadata", async () => {
    const { client } = makeClient({ client: "web" });
    const { bytes, headers } = await collect(client, "chat", ["one", "two"]);
    expect(bytes).toBe(6);
    expect(headers).toMatchObject({
      "x-routing-key": "default/chat/chat@1",
      "x-signalbox-client": "web",
      "x-signalbox-decision": expect.stringContaining("model=chat@1"),
    });
    expect(configIn(headers)).toMatchObject({ model: "chat", parameters: { warm: true } });
  });

  test("ends a call that cannot be resolved with a status", async () => {
    const { client } = makeClient();
    await expect(collect(client, "nothing", ["one"])).rejects.toMatchObject({
      code: status.NOT_FOUND,
      details: expect.stringContaining("default/nothing"),
    });
  });
});
