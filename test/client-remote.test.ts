import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type ClientEvent, createSignalbox, type Signalbox, type SignalboxOptions } from "../client/index.ts";
import { startNats, type TestNats } from "./support/nats.ts";
import { overrideToken, overrideTokenSum } from "./support/override-token.ts";
import { freePort } from "./support/ports.ts";
import { eventually, makeTemporaryFolder, temporaryFolder } from "./support/processes.ts";
import {
  publish,
  rankingObjective,
  resolverDocuments,
  startTestResolver,
  type TestResolver,
} from "./support/resolver.ts";
import { postJson } from "./support/resolver-client.ts";

const folder = makeTemporaryFolder();
let nats: TestNats;
let resolvers: [TestResolver, TestResolver];

const startResolver = () =>
  startTestResolver({
    natsUrl: nats.url,
    dataFolder: folder,
    environment: { RESOLVER_OVERRIDE_TOKENS: overrideTokenSum },
  });

beforeAll(async () => {
  nats = await startNats(folder);
  const other = { ...rankingObjective(), metadata: { namespace: "default", name: "search" } };
  await publish(nats.url, [...resolverDocuments, other]);
  resolvers = [await startResolver(), await startResolver()];
});

afterAll(async () => {
  for (const resolver of resolvers) await resolver.stop("SIGKILL");
  await nats.stop();
});

type Made = { readonly client: Signalbox; readonly events: ClientEvent[]; readonly requests: string[] };

/** A client that is closed with the test, its events, and the URLs that it fetched. */
function makeClient(options: Partial<SignalboxOptions> = {}): Made {
  const events: ClientEvent[] = [];
  const requests: string[] = [];
  const client = createSignalbox({
    resolverUrl: resolvers.map(({ url }) => url),
    onEvent: (event) => events.push(event),
    fetch: (input, init) => {
      requests.push(String(input instanceof Request ? input.url : input));
      return fetch(input, init);
    },
    // The machine may be busy; what a test waits for must not depend on it.
    timeoutMs: 20_000,
    ...options,
  } as SignalboxOptions);
  onTestFinished(() => client.close());
  return { client, events, requests };
}

const users = Array.from({ length: 40 }, (_, index) => `user-${index}`);
const typesOf = (events: readonly ClientEvent[]) => events.map(({ type }) => type);

/** A server that takes connections and never says a word. */
async function silentServer(): Promise<string> {
  const port = await freePort();
  const server: Server = createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return `127.0.0.1:${port}`;
}

describe.each(["HTTP", "gRPC"])("over %s", (transport) => {
  const urlOf = ({ url, grpcAddress }: TestResolver) => (transport === "HTTP" ? url : `grpc://${grpcAddress}`);
  const silentUrl = async () => `${transport === "HTTP" ? "http" : "grpc"}://${await silentServer()}`;
  const deadUrl = async () => `${transport === "HTTP" ? "http" : "grpc"}://127.0.0.1:${await freePort()}`;

  test("a decision comes from a resolver, then from the cache", async () => {
    const { client } = makeClient({ resolverUrl: urlOf(resolvers[0]), client: "web", trafficClass: "test" });
    const first = await client.resolve("ranking", { userId: "u1", device: "kiosk" });
    expect(first).toMatchObject({
      source: "resolver",
      objective: "default/ranking",
      routingKey: "default/ranking/ranker@8",
      headers: {
        "x-routing-key": "default/ranking/ranker@8",
        "x-signalbox-decision": expect.stringContaining("rule=kiosks"),
        "x-signalbox-client": "web",
        "x-signalbox-traffic-class": "test",
      },
      config: { model: "ranker", version: "8", variant: null, rule: "kiosks", parameters: { beam: 4 } },
      ttlMs: 5000,
      fallbackKeys: ["default/ranking/ranker@7"],
      reason: "rule",
    });
    const second = await client.resolve("ranking", { device: "kiosk", userId: "u1" });
    expect(second).toEqual({ ...first, source: "cache" });
  });

  test("every unit gets the same answer from both transports", async () => {
    const { client } = makeClient({ resolverUrl: urlOf(resolvers[0]) });
    const { client: other } = makeClient({ resolverUrl: resolvers[1].url });
    for (const userId of users) {
      const [mine, others] = await Promise.all([
        client.resolve("ranking", { userId }),
        other.resolve("ranking", { userId }),
      ]);
      expect(mine).toEqual(others);
    }
  });

  test("many contexts at once have the answer that each has alone", async () => {
    const { client } = makeClient({ resolverUrl: urlOf(resolvers[0]) });
    const { client: other } = makeClient({ resolverUrl: resolvers[1].url });
    const all = Array.from({ length: 250 }, (_, index) => ({ userId: `crowd-${index}` }));
    const answers = await Promise.all(all.map((context) => client.resolve("ranking", context)));
    expect(new Set(answers.map(({ config }) => config.variant))).toEqual(new Set(["stable", "canary"]));
    for (let index = 0; index < all.length; index += 25) {
      expect(await other.resolve("ranking", all[index] ?? {})).toEqual(answers[index]);
    }
    const outcomes = await Promise.allSettled([
      client.resolve("nothing", { a: 1 }),
      client.resolve("ranking", { a: 2 }),
    ]);
    expect(outcomes).toMatchObject([
      { status: "rejected", reason: { code: "unknown_objective" } },
      { status: "fulfilled", value: { source: "resolver" } },
    ]);
  });

  test("several objectives have an answer or an error each", async () => {
    const { client } = makeClient({ resolverUrl: urlOf(resolvers[0]) });
    const outcomes = await client.resolveMany(["ranking", "nothing", "search"], { userId: "u1" });
    expect(outcomes).toMatchObject([
      { objective: "default/ranking", answer: { source: "resolver" } },
      { objective: "default/nothing", error: { code: "unknown_objective", retryable: false } },
      { objective: "default/search", answer: { source: "resolver" } },
    ]);
  });

  test("a version is forced with the token, and refused without", async () => {
    const { client } = makeClient({ resolverUrl: urlOf(resolvers[0]), token: overrideToken });
    const forced = { override: { version: "8" } };
    const found = await client.resolve("ranking", { userId: "u1" }, forced);
    expect(found).toMatchObject({ config: { version: "8" }, reason: "override", source: "resolver" });
    await expect(client.resolve("ranking", {}, { override: { version: "99" } })).rejects.toMatchObject({
      code: "override_unknown_version",
    });
    const { client: nobody } = makeClient({ resolverUrl: urlOf(resolvers[0]) });
    await expect(nobody.resolve("ranking", {}, forced)).rejects.toMatchObject({ code: "override_denied" });
  });

  test("a dead resolver among two costs no call", async () => {
    const { client, events } = makeClient({ resolverUrl: [await deadUrl(), urlOf(resolvers[0])] });
    for (const userId of users) expect((await client.resolve("ranking", { userId })).source).toBe("resolver");
    expect(typesOf(events)).not.toContain("fell-back");
  });

  test("a resolver that hangs among two costs no call, and is avoided", async () => {
    const hanging = await silentUrl();
    const { client, events } = makeClient({ resolverUrl: [hanging, urlOf(resolvers[0])] });
    for (const userId of users) expect((await client.resolve("ranking", { userId })).source).toBe("resolver");
    expect(events).toContainEqual(expect.objectContaining({ type: "hedged" }));
    expect(events).toContainEqual(expect.objectContaining({ type: "resolver-avoided", url: hanging }));
    expect(typesOf(events)).not.toContain("fell-back");
  });

  test("with all resolvers dead, what is known from before is answered, also after a restart", async () => {
    const snapshotFolder = temporaryFolder();
    const mortal = await startResolver();
    onTestFinished(() => mortal.stop("SIGKILL"));
    const options = { resolverUrl: urlOf(mortal), snapshotFolder };
    const { client, events } = makeClient(options);
    await client.ready;
    const before = await client.resolve("ranking", { userId: "u1" });
    const file = join(snapshotFolder, "defaults.json");
    await eventually("the defaults are on disk", () => readFileSync(file, "utf8").includes("default/search"));
    await mortal.stop("SIGKILL");
    expect((await client.resolve("ranking", { userId: "u1" })).routingKey).toBe(before.routingKey);
    expect(await client.resolve("ranking", { userId: "u2" })).toMatchObject({
      source: "default",
      routingKey: "default/ranking/ranker@7",
      config: { parameters: { threshold: 0.4 }, rule: "default" },
    });
    expect(typesOf(events)).toContain("fell-back");
    await client.close();

    const { client: restarted } = makeClient(options);
    await restarted.ready;
    expect(await restarted.resolve("search", { userId: "u2" })).toMatchObject({
      source: "default",
      routingKey: "default/search/ranker@7",
    });
    await expect(restarted.resolve("unheard-of", {})).rejects.toMatchObject({ code: "unavailable", retryable: true });
  });

  test("with all resolvers hanging, a call waits no longer than its time limit, and the next ones not at all", async () => {
    const { client, events } = makeClient({ resolverUrl: [await silentUrl(), await silentUrl()], timeoutMs: 100 });
    await expect(client.resolve("ranking", {})).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(/no answer within 100 ms/),
    });
    expect(typesOf(events)).toContain("resolver-avoided");
  });

  test("an abort ends the wait with its reason", async () => {
    const { client } = makeClient({ resolverUrl: await silentUrl() });
    const giveUp = new AbortController();
    const asking = client.resolve("ranking", { userId: "u1" }, { signal: giveUp.signal });
    giveUp.abort(new Error("enough"));
    await expect(asking).rejects.toThrow("enough");
  });
});

test("objectives that are asked for in one turn of the event loop are one request", async () => {
  const { client, requests } = makeClient({ resolverUrl: resolvers[0].url });
  await Promise.all([client.resolve("ranking", { userId: "u1" }), client.resolve("search", { userId: "u1" })]);
  await client.resolveMany(["ranking", "search"], { userId: "u2" });
  expect(requests.filter((url) => url.endsWith("/v1/resolve"))).toHaveLength(2);
});

test("contexts that are asked about in one turn of the event loop share requests", async () => {
  const { client, requests } = makeClient({ resolverUrl: resolvers[0].url });
  const all = Array.from({ length: 250 }, (_, index) => ({ userId: `many-${index}` }));
  const answers = await Promise.all(all.map((context) => client.resolve("ranking", context)));
  expect(requests.filter((url) => url.endsWith("/v1/resolve-many"))).toHaveLength(3);
  for (const [index, context] of all.entries()) {
    expect(answers[index]?.source).toBe("resolver");
    if (index % 25 === 0) expect(await makeClient().client.resolve("ranking", context)).toEqual(answers[index]);
  }
});

test("POST /v1/resolve-many answers each request as POST /v1/resolve does", async () => {
  const { url } = resolvers[0];
  const requests = [
    { objective: "ranking", context: { userId: "u1" } },
    { objectives: ["ranking", "nothing"], context: { device: "kiosk" }, client: "web" },
    { objective: "nothing" },
    { objective: "ranking", context: { userId: {} } },
    { objective: "ranking", override: { version: "8" } },
    null,
  ];
  const { status, body } = await postJson(`${url}/v1/resolve-many`, { requests });
  expect(status).toBe(200);
  const alone = await Promise.all(requests.map((request) => postJson(`${url}/v1/resolve`, request)));
  expect(body.answers).toEqual(alone.map((answer) => answer.body));
  expect(alone.map((answer) => answer.status)).toEqual([200, 200, 404, 400, 403, 400]);
});

test.each([
  {},
  { requests: [] },
  { requests: {} },
  { requests: Array(101).fill({ objective: "ranking" }) },
  null,
  "text",
])("POST /v1/resolve-many refuses %j", async (body) => {
  const answer = await postJson(`${resolvers[0].url}/v1/resolve-many`, body);
  expect([answer.status, answer.body]).toMatchObject([400, { error: { code: "invalid_request" } }]);
});

test("two resolvers share the calls; one that is killed under way costs none, and is used again when it is back", async () => {
  const mortal = await startResolver();
  const ports = [mortal.url, mortal.grpcAddress].map((text) => Number(text.split(":").at(-1))) as [number, number];
  const { client, events, requests } = makeClient({ resolverUrl: [mortal.url, resolvers[0].url], timeoutMs: 20_000 });
  let n = 0;
  const resolveSome = async () => {
    for (let count = 0; count < 30; count++) {
      expect((await client.resolve("ranking", { userId: `some-${n++}` })).source).toBe("resolver");
    }
  };
  const askedMortal = () => requests.filter((url) => url.startsWith(`${mortal.url}/v1/resolve`)).length;
  await resolveSome();
  expect(askedMortal()).toBeGreaterThan(0);
  const load = resolveSome();
  await mortal.stop("SIGKILL");
  await load;
  await resolveSome();
  expect(typesOf(events)).not.toContain("fell-back");
  const again = await startTestResolver({ natsUrl: nats.url, dataFolder: folder, ports });
  onTestFinished(() => again.stop("SIGKILL"));
  const before = askedMortal();
  await eventually("the resolver is used again", async () => {
    await resolveSome();
    return askedMortal() > before + 5;
  });
});

test("a bad call is told before anybody is asked", async () => {
  const { client, requests } = makeClient();
  await client.ready;
  const asked = requests.length;
  const context = { userId: { nested: true } } as never;
  await expect(client.resolve("Not A Name", context, { trafficClass: "fake" as never })).rejects.toMatchObject({
    code: "invalid_request",
    problems: [
      { path: "objective", message: expect.stringContaining("lower-case") },
      { path: "trafficClass", message: expect.stringContaining("synthetic") },
      { path: "context.userId", message: expect.stringContaining("found an object") },
    ],
  });
  expect(requests.length).toBe(asked);
});

test("GET /v1/defaults answers 304 for what is known, and refuses what is no namespace", async () => {
  const url = `${resolvers[0].url}/v1/defaults`;
  const first = await fetch(url);
  const etag = first.headers.get("etag") ?? "";
  const { results } = (await first.json()) as { results: { objective: string; reason: string }[] };
  expect(results.map(({ objective, reason }) => [objective, reason])).toEqual([
    ["default/ranking", "default"],
    ["default/search", "default"],
  ]);
  const again = await fetch(`${resolvers[1].url}/v1/defaults`, { headers: { "if-none-match": `"x", W/${etag}` } });
  expect([again.status, await again.text()]).toEqual([304, ""]);
  const empty = await fetch(`${url}?namespace=nobody`);
  expect(await empty.json()).toEqual({ results: [] });
  const bad = await fetch(`${url}?namespace=No%20Body`);
  expect(bad.status).toBe(400);
  expect(await bad.json()).toMatchObject({ error: { code: "invalid_request", problems: [{ path: "namespace" }] } });
  expect((await fetch(url, { method: "POST" })).status).toBe(405);
});
