import { setTimeout as sleep } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { connect } from "@nats-io/transport-node";
import { expect, onTestFinished, test } from "vitest";
import { documentId } from "../config/documents/document.ts";
import type { StoredEntry } from "../config/live-documents.ts";
import { connectStore, type DocumentStore } from "../config/store/document-store.ts";
import type { OnBatch, WatchOptions } from "../config/store/watch.ts";
import { startNats, type TestNats } from "./support/nats.ts";
import { eventually, temporaryFolder } from "./support/processes.ts";
import { testModel, testShard } from "./support/store-documents.ts";

/** A nats-server of this test's own, because these tests kill it, and a store on it. */
async function ownNats(): Promise<{ nats: TestNats; store: DocumentStore }> {
  const nats = await startNats(temporaryFolder());
  onTestFinished(() => nats.stop());
  return { nats, store: await storeOn(nats) };
}

async function storeOn(nats: TestNats): Promise<DocumentStore> {
  const store = await connectStore({ servers: nats.url });
  onTestFinished(() => store.close());
  return store;
}

/** A client that knows nothing of Signalbox. */
async function otherClient(nats: TestNats) {
  const connection = await connect({ servers: nats.url });
  onTestFinished(() => connection.close());
  return { connection, kv: await new Kvm(connection).open("signalbox"), manager: await jetstreamManager(connection) };
}

type Watched = {
  readonly batches: (readonly StoredEntry[])[];
  revisions(): number[];
  caughtUp(): number;
};

/** Watches until the test is over, and keeps what comes. */
function watching(store: DocumentStore, options: Partial<WatchOptions> = {}, onBatch?: OnBatch): Watched {
  const over = new AbortController();
  const batches: (readonly StoredEntry[])[] = [];
  let caughtUp = 0;
  const onCaughtUp = () => {
    caughtUp += 1;
  };
  const ended = store.watch(
    { fromRevision: 0, signal: over.signal, onCaughtUp, ...options },
    async (entries, progress) => {
      await onBatch?.(entries, progress);
      batches.push(entries);
    },
  );
  onTestFinished(async () => {
    over.abort();
    await ended;
  });
  return {
    batches,
    revisions: () => batches.flat().map(({ revision }) => revision),
    caughtUp: () => caughtUp,
  };
}

const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, n) => first + n);

test("documents applied together arrive together, and those of other clients one by one", async () => {
  const { nats, store } = await ownNats();
  await store.apply([{ document: testShard("a") }, { document: testShard("b") }, { document: testShard("c") }]);
  const watched = watching(store);
  await eventually("the first batch", () => watched.caughtUp() === 1);
  expect(watched.batches.map((batch) => batch.length)).toEqual([3]);
  await store.apply([{ document: testModel("m", "a") }, { delete: documentId(testShard("b")) }]);
  const { kv } = await otherClient(nats);
  await kv.put("shard.default.d", "{}");
  await kv.delete("shard.default.d");
  await eventually("all batches", () => watched.batches.length === 4);
  expect(watched.batches.map((batch) => batch.map(({ revision }) => revision))).toEqual([[1, 2, 3], [4, 5], [6], [7]]);
  expect(watched.batches[1]?.[1]?.value).toBeNull();
  expect(watched.batches[3]?.[0]).toMatchObject({ key: "shard.default.d", value: null });
});

test("a batch in the middle of old history, its last message gone, still ends", async () => {
  const { store } = await ownNats();
  await store.apply([{ document: testShard("kept") }, { document: testShard("often") }]);
  for (let n = 0; n < 64; n++) await store.apply([{ document: testShard("often", 1000 + n) }]);
  const watched = watching(store);
  await eventually("caught up", () => watched.caughtUp() === 1);
  expect(watched.batches[0]?.map(({ revision }) => revision)).toEqual([1]);
  expect(watched.revisions()).toEqual([1, ...upTo(66, 3)]);
});

test("a batch at the very end whose last message is gone is delivered all the same", async () => {
  const { nats, store } = await ownNats();
  const { manager } = await otherClient(nats);
  await manager.streams.delete("KV_signalbox");
  await manager.streams.add({ name: "KV_signalbox", subjects: ["$KV.signalbox.>"], allow_atomic: true });
  await store.apply([{ document: testShard("a") }, { document: testShard("b") }, { document: testShard("c") }]);
  await manager.streams.deleteMessage("KV_signalbox", 3);
  const watched = watching(store);
  await eventually("the rest of it", () => watched.caughtUp() === 1, 30_000);
  expect(watched.batches.map((batch) => batch.map(({ revision }) => revision))).toEqual([[1, 2]]);
});

test("a watch from a revision gets that one and what follows", async () => {
  const { store } = await ownNats();
  for (let n = 0; n < 5; n++) await store.apply([{ document: testShard(`s-${n}`) }]);
  const watched = watching(store, { fromRevision: 4 });
  await eventually("caught up", () => watched.caughtUp() === 1);
  expect(watched.revisions()).toEqual([4, 5]);
});

test("an empty bucket is caught up at once", async () => {
  const { store } = await ownNats();
  const watched = watching(store);
  await eventually("caught up", () => watched.caughtUp() === 1);
  expect(watched.batches).toEqual([]);
});

test("kill -9 of nats-server while publishing neither loses, repeats, reorders nor splits anything", async () => {
  const { nats, store } = await ownNats();
  const watched = watching(store);
  await eventually("caught up", () => watched.caughtUp() === 1);
  const publisher = await storeOn(nats);
  const acknowledged: number[] = [];
  let isOver = false;
  const publishing = (async () => {
    for (let n = 1; !isOver; n++) {
      // Over many names, so that no revision falls out of the history while the watch is away.
      const changes = upTo(1 + (n % 5)).map((k) => ({ document: testShard(`s-${n % 50}-${k}`, n) }));
      const result = await publisher.apply(changes).catch(() => null);
      if (result) acknowledged.push(...result.results.map(({ revision }) => revision));
    }
  })();
  let current = nats;
  for (let kills = 0; kills < 3; kills++) {
    const before = acknowledged.length;
    await eventually("some were published", () => acknowledged.length > before + 50);
    await current.stop("SIGKILL");
    current = await startNats(nats.folder, nats.port);
    const restarted = current;
    onTestFinished(() => restarted.stop());
  }
  const before = acknowledged.length;
  await eventually("publishing goes on", () => acknowledged.length > before + 20);
  isOver = true;
  await publishing;
  const { manager } = await otherClient(nats);
  const last = (await manager.streams.info("KV_signalbox")).state.last_seq;
  await eventually("the watch has the newest", () => watched.revisions().at(-1) === last);
  expect(watched.revisions()).toEqual(upTo(last));
  expect(acknowledged.every((revision) => revision <= last)).toBe(true);
  for (const batch of watched.batches) {
    const [port, ...others] = new Set(batch.map(portOf));
    expect(others).toEqual([]);
    expect(batch).toHaveLength(1 + ((port ?? 0) % 5));
  }
});

function portOf({ value }: StoredEntry): number {
  return JSON.parse(Buffer.from(value ?? []).toString()).spec.endpoints[0].port;
}

test("a consumer that is slow gets 20,000 entries in order, and does not hold up another", async () => {
  const { store } = await ownNats();
  const quick = watching(store);
  let isSlow = true;
  const slow = watching(store, {}, async (entries) => {
    if (isSlow && (entries[0]?.revision ?? 0) % 500 === 1) await sleep(20);
  });
  const apply = async (round: number) => {
    await store.apply(upTo(1000).map((n) => ({ document: testShard(`s-${n}`, round) })));
  };
  for (let round = 1; round <= 20; round++) await apply(round);
  await eventually("the quick one has all", () => quick.revisions().length === 20_000, 30_000);
  isSlow = false;
  await eventually("the slow one has all", () => slow.revisions().length === 20_000, 30_000);
  expect(quick.revisions()).toEqual(upTo(20_000));
  expect(slow.revisions()).toEqual(upTo(20_000));
});

test("a consumer that stands still for several heartbeats goes on where it was", async () => {
  const { store } = await ownNats();
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const watched = watching(store, {}, async (entries) => {
    if (entries[0]?.revision === 1) await held;
  });
  for (let n = 1; n <= 400; n++) await store.apply([{ document: testShard("s", n) }]);
  await sleep(6000);
  release();
  await eventually("everything that is kept", () => watched.revisions().at(-1) === 400);
  const revisions = watched.revisions();
  expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
  expect(revisions.slice(-64)).toEqual(upTo(400, 337));
});

test("garbage and a 2 MiB value put by any client arrive as they are, and stop nothing", async () => {
  const { nats, store } = await ownNats();
  const watched = watching(store);
  await eventually("caught up", () => watched.caughtUp() === 1);
  const { kv, connection } = await otherClient(nats);
  const garbage = new Uint8Array([0, 255, 254, 1, 128]);
  await kv.put("shard.default.a", garbage);
  await kv.put("not-a-document-key", "x");
  await kv.put("model.default.big", new Uint8Array(2 * 1024 * 1024).fill(120));
  connection.publish("$KV.signalbox.shard.default.empty");
  await connection.flush();
  await store.apply([{ document: testShard("good") }]);
  await eventually("all five", () => watched.revisions().length === 5);
  const entries = watched.batches.flat();
  expect(Buffer.from(entries[0]?.value ?? [])).toEqual(Buffer.from(garbage));
  expect(entries[1]?.key).toBe("not-a-document-key");
  expect(entries[2]?.value?.length).toBe(2 * 1024 * 1024);
  expect(entries[3]?.value?.length).toBe(0);
});

test("a purge of one document by any client is a deletion", async () => {
  const { nats, store } = await ownNats();
  await store.apply([{ document: testShard("a") }]);
  const watched = watching(store);
  const { kv } = await otherClient(nats);
  await kv.purge("shard.default.a");
  await eventually("the purge", () => watched.batches.at(-1)?.[0]?.value === null);
});

test("a stream that is deleted and made anew while it is watched is read from its start", async () => {
  const { nats, store } = await ownNats();
  await store.apply([{ document: testShard("a") }, { document: testShard("b") }, { document: testShard("c") }]);
  let replaced = 0;
  const watched = watching(store, {
    onReplaced: () => {
      replaced += 1;
    },
  });
  await eventually("caught up", () => watched.caughtUp() === 1);
  const { manager } = await otherClient(nats);
  await manager.streams.delete("KV_signalbox");
  await eventually("it was noticed", () => replaced === 1);
  await store.apply([{ document: testShard("d") }]);
  await eventually("the new one", () => watched.batches.length === 2);
  expect(watched.batches[1]).toMatchObject([{ key: "shard.default.d", revision: 1 }]);
});

test("a watch that resumes on another stream of the same name is told so", async () => {
  const { nats, store } = await ownNats();
  await store.apply([{ document: testShard("a") }]);
  const { manager } = await otherClient(nats);
  const { created } = await manager.streams.info("KV_signalbox");
  await manager.streams.delete("KV_signalbox");
  await (await storeOn(nats)).apply([{ document: testShard("b") }, { document: testShard("c") }]);
  let replaced = 0;
  const watched = watching(store, {
    fromRevision: 2,
    streamCreatedAt: created,
    onReplaced: () => {
      replaced += 1;
    },
  });
  await eventually("caught up", () => watched.caughtUp() === 1);
  expect(replaced).toBe(1);
  expect(watched.revisions()).toEqual([1, 2]);
});

test("an exception of the callback ends the watch with it", async () => {
  const { store } = await ownNats();
  await store.apply([{ document: testShard("a") }]);
  const watch = store.watch({ fromRevision: 0, signal: new AbortController().signal }, () => {
    throw new Error("mine");
  });
  await expect(watch).rejects.toThrow("mine");
});
