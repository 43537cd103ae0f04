import { existsSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type ClientEvent, createSignalbox, type Signalbox, type SignalboxOptions } from "../client/index.ts";
import { objectiveSchema } from "../config/documents/objective.ts";
import { pinSchema } from "../config/documents/pin.ts";
import { readStatuses } from "../rollout/heartbeat.ts";
import { startNats, type TestNats } from "./support/nats.ts";
import { eventually, makeTemporaryFolder, temporaryFolder } from "./support/processes.ts";
import {
  publish,
  rankerModel,
  rankingObjective,
  resolverDocuments,
  startTestResolver,
  type TestResolver,
} from "./support/resolver.ts";

const folder = makeTemporaryFolder();
let nats: TestNats;
let resolver: TestResolver;

beforeAll(async () => {
  nats = await startNats(folder);
  await publish(nats.url, resolverDocuments);
  resolver = await startTestResolver({ natsUrl: nats.url, dataFolder: folder });
});

afterAll(async () => {
  await resolver.stop();
  await nats.stop();
});

type Made = { readonly client: Signalbox; readonly events: ClientEvent[] };

function makeClient(options: Partial<SignalboxOptions> = {}): Made {
  const events: ClientEvent[] = [];
  const client = createSignalbox({
    nats: nats.url,
    snapshotFolder: temporaryFolder(),
    // The machine may be busy; what a test waits for must not depend on it.
    timeoutMs: 20_000,
    onEvent: (event) => events.push(event),
    ...options,
  } as SignalboxOptions);
  onTestFinished(() => client.close());
  return { client, events };
}

test("decides as the resolver does, to the last unit and header", async () => {
  const { client } = makeClient({ client: "web", trafficClass: "synthetic" });
  const remote = createSignalbox({
    resolverUrl: resolver.url,
    client: "web",
    trafficClass: "synthetic",
    timeoutMs: 20_000,
  });
  onTestFinished(() => remote.close());
  const contexts = [{}, { userId: 42 }, { device: "kiosk" }, { userId: "u1", device: "kiosk", list: ["a", 1, true] }];
  const users = Array.from({ length: 50 }, (_, index) => ({ userId: `user-${index}` }));
  for (const context of [...contexts, ...users]) {
    const { source, ...mine } = await client.resolve("ranking", context);
    const { source: _, ...theirs } = await remote.resolve("ranking", context);
    expect(source).toBe("local");
    expect(mine).toEqual(theirs);
  }
});

test("follows what is published, and says so", async () => {
  const { client, events } = makeClient({ nats: { servers: nats.url, activation: "immediate" } });
  await client.ready;
  await expect(client.resolve("new-one", {})).rejects.toMatchObject({ code: "unknown_objective" });
  const objective = { ...rankingObjective(), metadata: { namespace: "default", name: "new-one" } };
  const revision = await publish(nats.url, [objective]);
  await eventually("it is known", async () => {
    const answer = await client.resolve("new-one", { device: "kiosk" }).catch(() => null);
    return answer?.revision === revision;
  });
  expect(events).toContainEqual({ type: "changed" });
});

test("is one of the processes that answer, and leaves when it is closed", async () => {
  const { client } = makeClient({ client: "shop" });
  await client.ready;
  const mine = async () => {
    const statuses = await readStatuses({ servers: nats.url });
    return statuses.find(({ id }) => id.startsWith("shop-"));
  };
  const status = await eventually("it is alive", mine);
  expect(status).toMatchObject({ process: "resolver", connectedToStore: true, rejections: [] });
  await eventually("it tells what it answers from", async () => ((await mine())?.rollout?.watermark ?? 0) > 0);
  await client.close();
  await eventually("it is gone", async () => (await mine()) === undefined);
});

test("tells nobody of itself when it is asked not to", async () => {
  const { client } = makeClient({ nats: { servers: nats.url, heartbeat: false }, client: "silent" });
  await client.ready;
  await client.resolve("ranking", {});
  await client.close();
  const statuses = await readStatuses({ servers: nats.url });
  expect(statuses.filter(({ id }) => id.startsWith("silent-"))).toEqual([]);
});

test("does not force versions: nobody here can check a token", async () => {
  const { client } = makeClient();
  const forced = client.resolve("ranking", {}, { override: { version: "8" } });
  await expect(forced).rejects.toMatchObject({
    code: "override_denied",
    message: expect.stringContaining("resolverUrl"),
  });
});

test("an aborted signal is heard with the documents at hand, too", async () => {
  const { client } = makeClient();
  await client.ready;
  const aborted = { signal: AbortSignal.abort(new Error("enough")) };
  await expect(client.resolve("ranking", {}, aborted)).rejects.toThrow("enough");
  await expect(client.resolveMany(["ranking"], {}, aborted)).rejects.toThrow("enough");
});

test("refuses a bad context as the resolver does", async () => {
  const { client } = makeClient();
  const context = { userId: Number.NaN, nested: {} } as never;
  await expect(client.resolve("ranking", context)).rejects.toMatchObject({
    code: "invalid_request",
    problems: [
      { path: "context.userId", message: "must be a finite number" },
      { path: "context.nested", message: expect.stringContaining("found an object") },
    ],
  });
});

describe("without NATS", () => {
  test("it goes on, and starts again from its last-good snapshot", async () => {
    const own = await startNats(temporaryFolder());
    onTestFinished(() => own.stop("SIGKILL"));
    await publish(own.url, resolverDocuments);
    const snapshotFolder = temporaryFolder();
    const { client } = makeClient({ nats: own.url, snapshotFolder });
    const before = await client.resolve("ranking", { userId: "u1" });
    await eventually("the snapshot is written", () => existsSync(join(snapshotFolder, "snapshot.json")));
    await own.stop("SIGKILL");
    expect(await client.resolve("ranking", { userId: "u1" })).toEqual(before);
    await client.close();

    const { client: restarted, events } = makeClient({ nats: own.url, snapshotFolder });
    expect(await restarted.resolve("ranking", { userId: "u1" })).toEqual(before);
    expect(events).toContainEqual({
      type: "documents",
      event: expect.objectContaining({ type: "snapshot-loaded", documents: 3 }),
    });
  });

  test("and without a snapshot, a call fails after its time limit, or as soon as it is aborted", async () => {
    const { client } = makeClient({ nats: "nats://127.0.0.1:9", timeoutMs: 50 });
    await expect(client.resolve("ranking", {})).rejects.toMatchObject({ code: "unavailable", retryable: true });
    const { client: patient } = makeClient({ nats: "nats://127.0.0.1:9" });
    const giveUp = new AbortController();
    const asking = patient.resolve("ranking", {}, { signal: giveUp.signal });
    giveUp.abort(new Error("enough"));
    await expect(asking).rejects.toThrow("enough");
  });
});

test("a document that is refused changes nothing, and is heard of", async () => {
  const { client, events } = makeClient();
  await client.ready;
  const before = await client.resolve("ranking", { device: "kiosk" });
  const { connectStore } = await import("../config/store/document-store.ts");
  const store = await connectStore({ servers: nats.url });
  onTestFinished(() => store.close());
  const { spec } = rankerModel;
  const versions = spec.versions.filter(({ version }) => version !== "8");
  await store.apply([{ document: { ...rankerModel, spec: { ...spec, versions } } }]);
  await eventually("the rejection is heard of", () =>
    events.some((event) => event.type === "documents" && event.event.type === "rejected"),
  );
  expect(await client.resolve("ranking", { device: "kiosk" })).toEqual(before);
});

test("obeys the pins of its group, and those of an objective", async () => {
  const objective = (parameters: Record<string, number>) =>
    objectiveSchema.parse({
      ...{ apiVersion: "signalbox.dev/v1", kind: "Objective", metadata: { name: "pinned" } },
      spec: { unit: "userId", default: { model: "ranker", version: "8", parameters } },
    });
  const pin = (name: string, spec: object) =>
    pinSchema.parse({
      ...{ apiVersion: "signalbox.dev/v1", kind: "Pin", metadata: { name } },
      spec: { objectives: ["pinned"], ...spec },
    });
  const clientOf = (group: string) =>
    makeClient({ nats: { servers: nats.url, activation: "immediate", group } }).client;
  const [held, free] = [clientOf("region-a"), clientOf("canary")];
  const answers = async (client: Signalbox, parameters: object) =>
    await eventually(`it answers ${JSON.stringify(parameters)}`, async () => {
      const { config } = await client.resolve("pinned", {});
      return isDeepStrictEqual(config.parameters, parameters);
    });
  const revision = await publish(nats.url, [objective({ k: 1 })]);
  for (const client of [held, free]) await answers(client, { k: 1 });
  await publish(nats.url, [pin("region", { groups: ["region-a"], revision })]);
  await publish(nats.url, [objective({ k: 2 })]);
  await answers(free, { k: 2 });
  await publish(nats.url, [pin("all", {})]);
  await publish(nats.url, [objective({ k: 3 })]);
  await publish(nats.url, [{ ...rankingObjective(), metadata: { namespace: "default", name: "later" } }]);
  for (const client of [held, free])
    await eventually("it knows all", async () => await client.resolve("later", { device: "kiosk" }).catch(() => null));
  expect((await free.resolve("pinned", {})).config.parameters).toEqual({ k: 2 });
  expect((await held.resolve("pinned", {})).config.parameters).toEqual({ k: 1 });
});
