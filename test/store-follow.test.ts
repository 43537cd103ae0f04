import { copyFileSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { connect } from "@nats-io/transport-node";
import { expect, onTestFinished, test } from "vitest";
import { documentId } from "../config/documents/document.ts";
import type { LiveDocuments } from "../config/live-documents.ts";
import { connectStore, type DocumentStore } from "../config/store/document-store.ts";
import { type FollowSettings, followDocuments, type LiveFollower } from "../config/store/follow.ts";
import type { FollowEvent } from "../config/store/follower-status.ts";
import { countDocuments } from "../config/store/live-state.ts";
import { startNats, type TestNats } from "./support/nats.ts";
import { freePort } from "./support/ports.ts";
import { eventually, temporaryFolder } from "./support/processes.ts";
import { testModel, testObjective, testShard } from "./support/store-documents.ts";

async function ownNats(folder = temporaryFolder(), port?: number): Promise<TestNats> {
  const nats = await startNats(folder, port);
  onTestFinished(() => nats.stop());
  return nats;
}

async function storeOn(nats: TestNats): Promise<DocumentStore> {
  const store = await connectStore({ servers: nats.url });
  onTestFinished(() => store.close());
  return store;
}

type Followed = LiveFollower & {
  readonly events: FollowEvent[];
  readonly updates: LiveDocuments[];
  /** Ends it as a process would at SIGTERM. */
  stop(): Promise<void>;
  eventTypes(): string[];
};

function following(servers: string, snapshotFolder: string, options: Partial<FollowSettings> = {}): Followed {
  const over = new AbortController();
  const events: FollowEvent[] = [];
  const updates: LiveDocuments[] = [];
  const follower = followDocuments({
    servers,
    snapshotFolder,
    signal: over.signal,
    onEvent: (event) => events.push(event),
    startTimeoutMs: 300,
    snapshotDelayMs: 20,
    ...options,
  });
  follower.subscribe((live) => updates.push(live));
  const stop = async () => {
    over.abort();
    await follower.stopped;
  };
  onTestFinished(stop);
  return { ...follower, events, updates, stop, eventTypes: () => events.map(({ type }) => type) };
}

const set = [
  { document: testShard("gpu-a") },
  { document: testModel("ranker", "gpu-a", ["1", "2"]) },
  { document: testObjective("home", "ranker") },
];

/** A NATS address where nothing listens. */
async function nowhere(): Promise<string> {
  return `nats://127.0.0.1:${await freePort()}`;
}

test("documents that are applied become live, all of a batch at once", async () => {
  const nats = await ownNats();
  const follower = following(nats.url, temporaryFolder());
  await follower.started;
  await (await storeOn(nats)).apply(set);
  await eventually("they are live", () => follower.current().objectives.size === 1);
  expect(follower.updates).toHaveLength(1);
  expect(follower.current().revision).toBe(3);
  expect(follower.status()).toMatchObject({ ready: true, source: "store", connected: true, revision: 3 });
  expect(follower.status().staleSince).toBeUndefined();
});

test("an empty store is ready, with nothing live", async () => {
  const follower = following((await ownNats()).url, temporaryFolder());
  await follower.started;
  expect(countDocuments(follower.current())).toBe(0);
  expect(follower.current().revision).toBe(0);
});

test("a consumer that comes late sees the result of the history, not the way there", async () => {
  const nats = await ownNats();
  const store = await storeOn(nats);
  await store.apply(set);
  for (let n = 0; n < 100; n++) await store.apply([{ document: testShard("gpu-a", 1000 + n) }]);
  const follower = following(nats.url, temporaryFolder(), { startTimeoutMs: 60_000 });
  await follower.started;
  expect(follower.updates).toHaveLength(1);
  expect(follower.current().shards.get("default/gpu-a")).toMatchObject({ revision: 103 });
  expect(follower.current().objectives.size).toBe(1);
});

test("garbage, a 2 MiB value and dangling documents are rejected, and the last good ones stay", async () => {
  const nats = await ownNats();
  const store = await storeOn(nats);
  await store.apply(set);
  const follower = following(nats.url, temporaryFolder());
  await follower.started;
  const connection = await connect({ servers: nats.url });
  onTestFinished(() => connection.close());
  const kv = await new Kvm(connection).open("signalbox");
  await kv.put("shard.default.gpu-a", new Uint8Array([0, 255, 254]));
  await kv.put("model.default.ranker", new Uint8Array(2 * 1024 * 1024).fill(120));
  await kv.put("objective.default.home", JSON.stringify(testObjective("home", "no-such-model")));
  await eventually("three rejections", () => follower.current().rejections.size === 3);
  expect([...follower.current().rejections.keys()].sort()).toEqual([
    "model.default.ranker",
    "objective.default.home",
    "shard.default.gpu-a",
  ]);
  expect(follower.current()).toMatchObject({ revision: 6 });
  expect(follower.current().objectives.get("default/home")).toMatchObject({ revision: 3 });
  expect(follower.events.filter(({ type }) => type === "rejected")).toHaveLength(3);
  await store.apply([{ document: testShard("gpu-a", 9999) }]);
  await eventually("the good one is live", () => follower.current().shards.get("default/gpu-a")?.revision === 7);
});

test("a listener that throws neither ends the following nor keeps others from hearing", async () => {
  const nats = await ownNats();
  const follower = following(nats.url, temporaryFolder());
  await follower.started;
  follower.subscribe(() => {
    throw new Error("mine");
  });
  let heard = 0;
  const stopListening = follower.subscribe(() => {
    heard += 1;
  });
  const store = await storeOn(nats);
  await store.apply([{ document: testShard("a") }]);
  await eventually("the first", () => heard === 1);
  stopListening();
  await store.apply([{ document: testShard("b") }]);
  await eventually("the second", () => follower.current().revision === 2);
  expect(heard).toBe(1);
  expect(follower.eventTypes().filter((type) => type === "listener-failed")).toHaveLength(2);
});

test("kill -9 of nats-server leaves the documents live, and what comes after the restart arrives", async () => {
  const nats = await ownNats();
  const store = await storeOn(nats);
  await store.apply(set);
  const follower = following(nats.url, temporaryFolder());
  await follower.started;
  await nats.stop("SIGKILL");
  await eventually("it is noticed", () => !follower.status().connected);
  expect(follower.status()).toMatchObject({ ready: true, source: "store" });
  expect(follower.status().staleSince).toBeDefined();
  expect(follower.current().objectives.size).toBe(1);
  await ownNats(nats.folder, nats.port);
  await (await storeOn(nats)).apply([{ document: testShard("gpu-b") }]);
  await eventually("the new one is live", () => follower.current().shards.size === 2);
  expect(follower.status().staleSince).toBeUndefined();
  expect(follower.status().lastError).toBeUndefined();
});

test("a start with NATS down uses the last-good snapshot, and goes on from it when NATS is back", async () => {
  const nats = await ownNats();
  const store = await storeOn(nats);
  await store.apply(set);
  await store.apply([{ document: testObjective("dangling", "not-yet") }]);
  const snapshots = temporaryFolder();
  const first = following(nats.url, snapshots);
  await eventually("all is taken in", () => first.current().revision === 4);
  await first.stop();
  await nats.stop("SIGKILL");

  const second = following(nats.url, snapshots);
  await second.started;
  expect(second.current()).toEqual(first.current());
  expect(second.status()).toMatchObject({ ready: true, source: "snapshot", connected: false, revision: 4 });
  expect(second.status().staleSince).toBeDefined();
  expect(second.status().lastError).toContain("no NATS server answers");

  await ownNats(nats.folder, nats.port);
  const again = await storeOn(nats);
  await again.apply([{ document: testModel("not-yet", "gpu-a") }]);
  await eventually("what waited in the snapshot goes live", () => second.current().objectives.size === 2);
  expect(second.status()).toMatchObject({ source: "store", connected: true });
  expect(second.updates.every(({ revision }) => revision >= 4)).toBe(true);
});

test("a start with NATS down and no snapshot waits, and is ready when NATS is there", async () => {
  const port = await freePort();
  const follower = following(`nats://127.0.0.1:${port}`, temporaryFolder(), { startTimeoutMs: 10 });
  await eventually("it tried", () => follower.status().lastError);
  expect(follower.status()).toMatchObject({ ready: false, source: "none", connected: false });
  await ownNats(temporaryFolder(), port);
  await follower.started;
  expect(follower.status()).toMatchObject({ ready: true, source: "store" });
  expect(follower.eventTypes().filter((type) => type === "disconnected")).toHaveLength(1);
});

/** Two generations of snapshots: one shard in the older, two in the newer. Returns their folder. */
async function twoGenerations(): Promise<string> {
  const nats = await ownNats();
  const store = await storeOn(nats);
  const snapshots = temporaryFolder();
  for (const name of ["a", "b"]) {
    await store.apply([{ document: testShard(name) }]);
    const follower = following(nats.url, snapshots);
    await follower.started;
    await follower.stop();
  }
  expect(readdirSync(snapshots).sort()).toEqual(["snapshot.json", "snapshot.previous.json"]);
  return snapshots;
}

test.each([
  ["torn", (file: string) => truncateSync(file, Math.floor(readFileSync(file).length / 2))],
  ["empty", (file: string) => truncateSync(file, 0)],
  ["changed in one byte", (file: string) => flipOneByte(file)],
])("a newest snapshot that is %s is passed over for the one before it", async (_what, damage) => {
  const snapshots = await twoGenerations();
  damage(join(snapshots, "snapshot.json"));
  const follower = following(await nowhere(), snapshots);
  await follower.started;
  expect([...follower.current().shards.keys()]).toEqual(["default/a"]);
  expect(follower.events).toContainEqual(
    expect.objectContaining({ type: "snapshot-unusable", file: join(snapshots, "snapshot.json") }),
  );
});

function flipOneByte(file: string) {
  const bytes = readFileSync(file);
  const middle = Math.floor(bytes.length / 2);
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  writeFileSync(file, bytes);
}

test("a bad newest snapshot does not push out the good one before it", async () => {
  const nats = await ownNats();
  const store = await storeOn(nats);
  await store.apply([{ document: testShard("a") }]);
  const snapshots = temporaryFolder();
  const first = following(nats.url, snapshots);
  await first.started;
  await first.stop();
  copyFileSync(join(snapshots, "snapshot.json"), join(snapshots, "snapshot.previous.json"));
  truncateSync(join(snapshots, "snapshot.json"), 10);
  await store.apply([{ document: testShard("b") }]);
  const second = following(nats.url, snapshots);
  await eventually("both", () => second.current().shards.size === 2);
  await second.stop();
  truncateSync(join(snapshots, "snapshot.json"), 10);
  const third = following(await nowhere(), snapshots);
  await third.started;
  expect([...third.current().shards.keys()]).toEqual(["default/a"]);
});

test("with both generations bad it starts from NATS", async () => {
  const snapshots = await twoGenerations();
  for (const file of readdirSync(snapshots)) truncateSync(join(snapshots, file), 20);
  const nats = await ownNats();
  await (await storeOn(nats)).apply(set);
  const follower = following(nats.url, snapshots);
  await follower.started;
  expect(follower.current().objectives.size).toBe(1);
  expect(follower.eventTypes().filter((type) => type === "snapshot-unusable")).toHaveLength(2);
});

test("a snapshot folder that cannot be written is reported, and the following goes on", async () => {
  const nats = await ownNats();
  const file = join(temporaryFolder(), "a-file");
  writeFileSync(file, "");
  const follower = following(nats.url, join(file, "snapshots"));
  await follower.started;
  await (await storeOn(nats)).apply(set);
  await eventually("live", () => follower.current().objectives.size === 1);
  await eventually("reported", () => follower.status().snapshotError);
});

test("a stream that was made anew takes nothing away: what was live stays until the new one speaks of it", async () => {
  const nats = await ownNats();
  const store = await storeOn(nats);
  await store.apply(set);
  const snapshots = temporaryFolder();
  const follower = following(nats.url, snapshots);
  await follower.started;
  const connection = await connect({ servers: nats.url });
  onTestFinished(() => connection.close());
  const manager = await jetstreamManager(connection);
  await manager.streams.delete("KV_signalbox");
  await eventually("it is noticed", () => follower.status().carriedOver?.documents === 3);
  expect(follower.current().objectives.size).toBe(1);

  const again = await storeOn(nats);
  await again.apply([{ document: testShard("gpu-a", 4321) }]);
  await eventually("the new shard", () => follower.current().shards.get("default/gpu-a")?.revision === 1);
  expect(follower.current().objectives.get("default/home")?.revision).toBe(0);
  expect(follower.status().carriedOver?.documents).toBe(2);

  await again.apply([{ delete: documentId(testObjective("home", "ranker")) }], { force: true });
  await eventually("the deletion", () => follower.current().objectives.size === 0);
  expect(follower.eventTypes()).toContain("stream-replaced");
});

test("a stream that was made anew while the consumer was down is noticed from the snapshot", async () => {
  const nats = await ownNats();
  await (await storeOn(nats)).apply(set);
  const snapshots = temporaryFolder();
  const first = following(nats.url, snapshots);
  await first.started;
  await first.stop();
  await nats.stop();
  const other = await ownNats(temporaryFolder(), nats.port);
  await (await storeOn(other)).apply([{ document: testShard("gpu-b") }]);
  const second = following(other.url, snapshots, { startTimeoutMs: 60_000 });
  await second.started;
  expect(second.current().objectives.size).toBe(1);
  expect([...second.current().shards.keys()].sort()).toEqual(["default/gpu-a", "default/gpu-b"]);
  expect(second.status().carriedOver?.documents).toBe(3);
});

test("10,000 documents become live, and a restart from their snapshot gives the same", async () => {
  const nats = await ownNats();
  const store = await storeOn(nats);
  const snapshots = temporaryFolder();
  const follower = following(nats.url, snapshots);
  await follower.started;
  for (let batch = 0; batch < 10; batch++) {
    await store.apply(Array.from({ length: 1000 }, (_, n) => ({ document: testShard(`s-${batch}-${n}`) })));
  }
  await eventually("all live", () => follower.current().shards.size === 10_000, 30_000);
  await follower.stop();
  const second = following(await nowhere(), snapshots);
  await second.started;
  expect(second.current().shards.size).toBe(10_000);
});
