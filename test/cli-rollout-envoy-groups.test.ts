import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { renderBootstrap } from "../envoy/bootstrap.ts";
import { projectFolder } from "../setup/paths.js";
import { signalbox } from "./support/command-line.ts";
import { type EchoServer, startEchoServer } from "./support/echo-server.ts";
import { startEnvoy, type TestEnvoy } from "./support/envoy.ts";
import { freePort, freePorts } from "./support/ports.ts";
import { answers, type Running, startProcess } from "./support/processes.ts";
import { publishAndWait } from "./support/publish.ts";
import { startTestResolver, type TestResolver } from "./support/resolver.ts";
import { resolveAt } from "./support/resolver-client.ts";
import { sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";
import { type System, startSystem } from "./support/system.ts";

/** Where an Envoy takes requests. */
type Listeners = { readonly keyedUrl: string; readonly oneCallUrl: string };

let system: System;
let [a, b]: EchoServer[] = [];
let canary: TestResolver;
/** Another Envoy, of the group edge, on its own xds-server, so that its listeners have ports of their own. */
let edge: Listeners & { readonly envoy: TestEnvoy; readonly xdsServer: Running };
let others: Listeners;

beforeAll(async () => {
  [a, b] = await Promise.all([startEchoServer({ name: "a" }), startEchoServer({ name: "b" })]);
  system = await startSystem();
  others = { keyedUrl: system.envoyUrl, oneCallUrl: system.oneCallUrl };
  const dataFolder = join(system.folder, "canary");
  mkdirSync(dataFolder);
  canary = await startTestResolver({
    ...{ natsUrl: system.natsUrl, dataFolder, readyPath: "/healthz" },
    environment: { RESOLVER_GROUP: "canary" },
  });
  edge = await startEdge();
}, 60_000);

beforeEach(async () => {
  await publishAndWait(system, "ranking", before());
});

afterEach(async () => {
  const { stdout } = await signalbox(["rollout", "status", "-o", "json"], { environment: system.environment });
  for (const { name } of JSON.parse(stdout)) await rollout("abort", name, "--timeout", "60s");
});

afterAll(async () => {
  await canary?.stop();
  await edge?.envoy.stop();
  await edge?.xdsServer.stop();
  await system?.stop();
  await Promise.all([a?.stop(), b?.stop()]);
});

async function startEdge() {
  const [xds, xdsHttp, keyed, oneCall] = (await freePorts(4)) as [number, number, number, number];
  const xdsServer = await startProcess(process.execPath, [join(projectFolder, "xds-server/main.ts")], {
    environment: {
      ...system.environment,
      ...{ XDS_GRPC_PORT: String(xds), XDS_HTTP_PORT: String(xdsHttp) },
      ...{ ENVOY_KEYED_PORT: String(keyed), ENVOY_ONE_CALL_PORT: String(oneCall) },
    },
    ready: () => answers(`http://127.0.0.1:${xdsHttp}/healthz`),
  });
  const adminPort = await freePort();
  const bootstrap = renderBootstrap({ xdsPort: xds, adminPort, nodeId: "edge-1", group: "edge" });
  const envoy = await startEnvoy(bootstrap, adminPort);
  return { xdsServer, envoy, keyedUrl: `http://127.0.0.1:${keyed}`, oneCallUrl: `http://127.0.0.1:${oneCall}` };
}

const before = () => [
  ...[sampleShard("one", [a?.http1Port ?? 0]), sampleShard("two", [b?.http1Port ?? 0])],
  sampleShard("hosts", [a?.http1Port ?? 0]),
  sampleModel("ranker", { "6": ["hosts"], "7": ["one"] }),
  sampleObjective("fixed", "ranker", "6"),
  sampleObjective("ranking", "ranker", "7", { policy: { ttlMs: 0 } }),
];

/** Another version by default, another placement of the old one, and other hosts of a shard. */
const change = () => [
  sampleShard("hosts", [b?.http1Port ?? 0]),
  sampleModel("ranker", { "6": ["hosts"], "7": ["two"], "8": ["one"] }),
  sampleObjective("ranking", "ranker", "8", { policy: { ttlMs: 0 } }),
];

const rollout = (...args: string[]) => signalbox(["rollout", ...args], { environment: system.environment });

const start = (name: string, stages: string) =>
  signalbox(["rollout", "start", name, "-f", "-", "--stages", stages, "--timeout", "60s"], {
    input: change()
      .map((document) => JSON.stringify(document))
      .join("\n---\n"),
    environment: system.environment,
  });

/** The model version and the server that answer a request. */
async function ask(url: string, headers: Record<string, string>): Promise<string> {
  const response = await fetch(`${url}/anything`, { method: "POST", headers, body: "{}" });
  await response.arrayBuffer();
  const fallback = response.headers.has("x-signalbox-fallback") ? " by default" : "";
  return `${response.status} ${response.headers.get("x-signalbox-model")} on ${response.headers.get("x-echo-server")}${fallback}`;
}

/** What an Envoy decides by itself, and what it makes of each key. */
async function routesOf({ keyedUrl, oneCallUrl }: Listeners) {
  const keyed = (key: string) => ask(keyedUrl, { "x-routing-key": `default/${key}` });
  return {
    oneCall: await ask(oneCallUrl, { "x-signalbox-objective": "default/ranking" }),
    unknownKey: await keyed("ranking/ranker@5"),
    seven: await keyed("ranking/ranker@7"),
    eight: await keyed("ranking/ranker@8"),
    hosts: await keyed("fixed/ranker@6"),
  };
}

const oldForm = {
  oneCall: "200 ranker@7 on a",
  unknownKey: "200 ranker@7 on a by default",
  seven: "200 ranker@7 on a",
  hosts: "200 ranker@6 on a",
};
const newForm = {
  oneCall: "200 ranker@8 on a",
  unknownKey: "200 ranker@8 on a by default",
  seven: "200 ranker@7 on b",
  hosts: "200 ranker@6 on b",
};
/** Every key is known everywhere, whoever answers with it. */
const eight = "200 ranker@8 on a";

/** Envoys without a resolver of their group hear of a stage a moment after it was published. */
const untilRoutes = (listeners: Listeners, expected: object) =>
  vi.waitFor(async () => expect(await routesOf(listeners)).toEqual(expected), { timeout: 20_000, interval: 50 });

const chosenBy = async (resolverUrl: string) => (await resolveAt(resolverUrl, "ranking")).config?.version;

describe("a rollout with groups of Envoys", () => {
  test("changes what one group decides after the other, while every Envoy knows every key", async () => {
    const first = await start("spring", "canary,edge,all");
    expect(first).toMatchObject({ code: 0, stderr: "" });
    expect(first.stdout).toContain("Stage canary. It is live: resolvers 1/1, Envoys 2/2");
    expect([await chosenBy(canary.url), await chosenBy(system.resolverUrl)]).toEqual(["8", "7"]);
    await untilRoutes(edge, { ...oldForm, eight });
    await untilRoutes(others, { ...oldForm, eight });

    const second = await rollout("resume", "spring", "--timeout", "60s");
    expect(second).toMatchObject({ code: 0, stdout: expect.stringContaining("Stage edge. It is live") });
    await untilRoutes(edge, { ...newForm, eight });
    await untilRoutes(others, { ...oldForm, eight });

    const last = await rollout("resume", "spring", "--timeout", "60s");
    expect(last).toMatchObject({ code: 0, stdout: expect.stringContaining("Done") });
    expect(await chosenBy(system.resolverUrl)).toBe("8");
    await untilRoutes(edge, { ...newForm, eight });
    await untilRoutes(others, { ...newForm, eight });
  }, 120_000);

  test("may begin with Envoys only, and goes back for all by abort", async () => {
    const started = await start("edges", "edge,all");
    expect(started).toMatchObject({ code: 0, stderr: "" });
    expect(started.stdout).toContain("Stage edge. It is live: resolvers 0/0, Envoys 2/2");
    await untilRoutes(edge, { ...newForm, eight });
    await untilRoutes(others, { ...oldForm, eight });
    expect(await rollout("abort", "edges", "--timeout", "60s")).toMatchObject({ code: 0 });
    const [ofEdge, ofOthers] = [await routesOf(edge), await routesOf(others)];
    expect(ofEdge).toMatchObject(oldForm);
    expect(ofOthers).toMatchObject(oldForm);
  }, 120_000);

  test("is remembered by an xds-server that was killed", async () => {
    expect((await start("restart", "edge,all")).code).toBe(0);
    await untilRoutes(others, { ...oldForm, eight });
    await system.parts.xdsServer.kill();
    await system.parts.xdsServer.start();
    await publishAndWait(system, "other", [sampleObjective("other", "ranker", "7")]);
    await untilRoutes(others, { ...oldForm, eight });
    await untilRoutes(edge, { ...newForm, eight });
  }, 120_000);
});

describe("a pin of a group", () => {
  test("keeps its Envoys as they decide, and lets go of them when it goes", async () => {
    await signalbox(["pin", "group", "edge"], { environment: system.environment });
    await publishAndWait(system, "ranking", change());
    await untilRoutes(others, { ...newForm, eight });
    // The hosts of a shard are facts, which a pin keeps from nobody.
    await untilRoutes(edge, { ...oldForm, hosts: newForm.hosts, eight });
    await signalbox(["unpin", "group", "edge"], { environment: system.environment });
    await untilRoutes(edge, { ...newForm, eight });
  }, 120_000);
});
