import { rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { documentId } from "../config/documents/document.ts";
import { connectStore, type DocumentStore } from "../config/store/document-store.ts";
import { StoreError } from "../config/store/store-error.ts";
import { startNats, type TestNats } from "./support/nats.ts";
import { freePort } from "./support/ports.ts";
import { makeTemporaryFolder } from "./support/processes.ts";
import { testModel, testObjective, testShard } from "./support/store-documents.ts";

let nats: TestNats;
const folder = makeTemporaryFolder();
let buckets = 0;

beforeAll(async () => {
  nats = await startNats(folder);
});

afterAll(async () => {
  await nats?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A store over a bucket that only this test uses. */
async function newStore(): Promise<DocumentStore> {
  const store = await connectStore({ servers: nats.url, bucket: `test-${++buckets}` });
  onTestFinished(() => store.close());
  return store;
}

async function failureOf(promise: Promise<unknown>): Promise<StoreError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(StoreError);
  return error as StoreError;
}

const shard = testShard("gpu-a");
const id = documentId(shard);

test("documents that are applied together get revisions that follow each other", async () => {
  const store = await newStore();
  const changes = [{ document: shard }, { document: testModel("ranker", "gpu-a") }];
  const result = await store.apply(changes);
  expect(result.revision).toBe(2);
  expect(result.results.map(({ key, revision, change }) => [key, revision, change])).toEqual([
    ["shard.default.gpu-a", 1, "created"],
    ["model.default.ranker", 2, "created"],
  ]);
});

test("a document that is stored already is not published again", async () => {
  const store = await newStore();
  await store.apply([{ document: shard }]);
  const again = await store.apply([{ document: shard }, { document: testModel("ranker", "gpu-a") }]);
  expect(again.results.map(({ revision, change }) => [revision, change])).toEqual([
    [1, "unchanged"],
    [2, "created"],
  ]);
  expect(await store.history(id)).toHaveLength(1);
});

test("force publishes an unchanged document", async () => {
  const store = await newStore();
  await store.apply([{ document: shard }]);
  const again = await store.apply([{ document: shard }], { force: true });
  expect(again.results[0]).toMatchObject({ revision: 2, change: "updated" });
});

test("a change made from an old revision is refused, and both revisions are named", async () => {
  const store = await newStore();
  await store.apply([{ document: shard }]);
  await store.apply([{ document: testShard("gpu-a", 8081), expectedRevision: 1 }]);
  const error = await failureOf(store.apply([{ document: testShard("gpu-a", 8082), expectedRevision: 1 }]));
  expect(error.code).toBe("conflict");
  expect(error.conflicts).toEqual([{ key: "shard.default.gpu-a", expectedRevision: 1, actualRevision: 2 }]);
  expect(error.message).toContain("shard.default.gpu-a was edited from revision 1, but the store has revision 2");
});

test("the revision written in a document's metadata is the one it was edited from", async () => {
  const store = await newStore();
  await store.apply([{ document: shard }]);
  await store.apply([{ document: testShard("gpu-a", 8081) }]);
  const edited = { ...shard, metadata: { ...shard.metadata, revision: 1 } };
  expect((await failureOf(store.apply([{ document: edited }]))).code).toBe("conflict");
});

test("one conflict among several documents stores none of them", async () => {
  const store = await newStore();
  await store.apply([{ document: shard }]);
  const changes = [
    { document: testModel("ranker", "gpu-a"), expectedRevision: 0 },
    { document: testShard("gpu-a", 8081), expectedRevision: 0 },
    { document: testObjective("home", "ranker") },
  ];
  expect((await failureOf(store.apply(changes))).code).toBe("conflict");
  expect((await store.list()).map(({ key }) => key)).toEqual(["shard.default.gpu-a"]);
});

test("of many editors of one revision exactly one wins", async () => {
  const store = await newStore();
  await store.apply([{ document: shard }]);
  const edits = Array.from({ length: 20 }, (_, n) =>
    store.apply([
      { document: testShard("gpu-a", 9000 + n), expectedRevision: 1 },
      { document: testShard(`other-${n}`, 9000 + n) },
    ]),
  );
  const outcomes = await Promise.allSettled(edits);
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  expect(await store.list()).toHaveLength(2);
});

test("editors who do not say what they edited all get through, one after the other", async () => {
  const store = await newStore();
  await store.apply([{ document: shard }]);
  const edits = Array.from({ length: 4 }, (_, n) => store.apply([{ document: testShard("gpu-a", 9000 + n) }]));
  const revisions = (await Promise.all(edits)).map(({ revision }) => revision);
  expect(revisions.sort()).toEqual([2, 3, 4, 5]);
});

test("expected revision 0 creates a document, also where one was deleted", async () => {
  const store = await newStore();
  await store.apply([{ document: shard, expectedRevision: 0 }]);
  await store.apply([{ delete: id }]);
  const created = await store.apply([{ document: shard, expectedRevision: 0 }]);
  expect(created.results[0]).toMatchObject({ revision: 3, change: "created" });
  const error = await failureOf(store.apply([{ document: testShard("gpu-a", 1), expectedRevision: 0 }]));
  expect(error.message).toContain("expected not to exist");
});

test("a deletion travels in the same batch, keeps the history and ends the listing", async () => {
  const store = await newStore();
  await store.apply([{ document: shard }]);
  const result = await store.apply([{ delete: id }, { document: testShard("gpu-b") }]);
  expect(result.results.map(({ change }) => change)).toEqual(["deleted", "created"]);
  expect((await store.list()).map(({ key }) => key)).toEqual(["shard.default.gpu-b"]);
  expect((await store.get(id))?.value).toBeNull();
  expect((await store.history(id)).map(({ value }) => value === null)).toEqual([false, true]);
});

test("deleting what does not exist stores nothing, unless it is forced", async () => {
  const store = await newStore();
  expect((await store.apply([{ delete: id }])).results[0]).toMatchObject({ revision: 0, change: "unchanged" });
  expect((await store.apply([{ delete: id }], { force: true })).revision).toBe(1);
});

test("a document reads as it was at a revision and at a time", async () => {
  const store = await newStore();
  expect(await store.get(id)).toBeNull();
  for (const port of [8081, 8082, 8083]) {
    await store.apply([{ document: testShard("gpu-a", port) }]);
    await sleep(5); // Times are stored in milliseconds.
  }
  const portAt = async (moment?: Parameters<DocumentStore["get"]>[1]) => {
    const entry = await store.get(id, moment);
    return entry?.value && JSON.parse(Buffer.from(entry.value).toString()).spec.endpoints[0].port;
  };
  const [first, second] = await store.history(id);
  expect(await portAt()).toBe(8083);
  expect(await portAt({ revision: 2 })).toBe(8082);
  expect(await portAt({ revision: 1_000 })).toBe(8083);
  expect(await portAt({ at: second?.at ?? "" })).toBe(8082);
  expect(await portAt({ at: new Date(Date.parse(first?.at ?? "") - 1000) })).toBeFalsy();
});

test("a listing at a revision shows what was stored then, deletions undone", async () => {
  const store = await newStore();
  await store.apply([{ document: shard }, { document: testShard("gpu-b") }]);
  await store.apply([{ delete: id }]);
  expect((await store.list({}, { revision: 2 })).map(({ key }) => key)).toEqual([
    "shard.default.gpu-a",
    "shard.default.gpu-b",
  ]);
  expect((await store.list({}, { revision: 3 })).map(({ key }) => key)).toEqual(["shard.default.gpu-b"]);
});

test("a moment before the kept history is an error that names the oldest kept revision", async () => {
  const store = await newStore();
  for (let n = 0; n < 70; n++) await store.apply([{ document: testShard("gpu-a", 1000 + n) }]);
  expect(await store.history(id)).toHaveLength(64);
  const error = await failureOf(store.get(id, { revision: 3 }));
  expect(error.code).toBe("history-lost");
  expect(error.message).toContain("revision 7 of");
});

test("listings filter by kind and by namespace", async () => {
  const store = await newStore();
  const elsewhere = { ...shard, metadata: { ...shard.metadata, namespace: "team-b" } };
  await store.apply([{ document: shard }, { document: elsewhere }, { document: testModel("ranker", "gpu-a") }]);
  const keys = async (filter: Parameters<DocumentStore["list"]>[0]) => (await store.list(filter)).map(({ key }) => key);
  expect(await keys({ kind: "Shard" })).toEqual(["shard.default.gpu-a", "shard.team-b.gpu-a"]);
  expect(await keys({ namespace: "default" })).toEqual(["model.default.ranker", "shard.default.gpu-a"]);
});

test("what was live at a revision leaves out what consumers refused", async () => {
  const store = await newStore();
  await store.apply([{ document: shard }, { document: testModel("ranker", "gpu-a") }]);
  await store.apply([{ document: testObjective("home", "no-such-model") }]);
  await store.apply([{ document: testObjective("home", "ranker") }]);
  await store.apply([{ delete: documentId(testObjective("home", "ranker")) }]);
  const at = async (revision: number) => {
    const live = await store.liveAt({ revision });
    return [live.revision, live.objectives.size, live.rejections.size];
  };
  expect(await at(2)).toEqual([2, 0, 0]);
  expect(await at(3)).toEqual([3, 0, 1]);
  expect(await at(4)).toEqual([4, 1, 0]);
  expect(await at(5)).toEqual([5, 0, 0]);
  expect(await store.liveAt()).toMatchObject({ revision: 5 });
  expect((await store.list({ kind: "Objective" }, { revision: 3 })).length).toBe(1);
});

test("1,000 documents are one batch, and one more is refused with the limit", async () => {
  const store = await newStore();
  const changes = Array.from({ length: 1001 }, (_, n) => ({ document: testShard(`s-${n}`) }));
  const error = await failureOf(store.apply(changes));
  expect(error.code).toBe("too-large");
  expect(error.message).toContain("at most 1000");
  expect((await store.apply(changes.slice(1))).revision).toBe(1000);
  expect(await store.list()).toHaveLength(1000);
});

test("a document above 1 MiB is refused before anything is sent", async () => {
  const store = await newStore();
  const large = testModel("ranker", "gpu-a");
  const version = { ...large.spec.versions[0], parameters: { text: "x".repeat(1024 * 1024) } } as never;
  const error = await failureOf(
    store.apply([{ document: { ...large, spec: { ...large.spec, versions: [version] } } }]),
  );
  expect(error.code).toBe("too-large");
  expect(error.message).toContain("model.default.ranker");
  expect(error.message).toContain("1048576");
});

test("large documents fill a batch of many megabytes", async () => {
  const store = await newStore();
  const changes = Array.from({ length: 30 }, (_, n) => {
    const model = testModel(`m-${n}`, "gpu-a");
    const version = { ...model.spec.versions[0], parameters: { text: "x".repeat(1_000_000) } } as never;
    return { document: { ...model, spec: { ...model.spec, versions: [version] } } };
  });
  expect((await store.apply(changes)).revision).toBe(30);
});

test("the same document twice in one call is refused", async () => {
  const store = await newStore();
  const error = await failureOf(store.apply([{ document: shard }, { delete: id }]));
  expect(error.message).toContain("shard.default.gpu-a is there twice");
});

test("a server that is not there is an error that says where it was looked for", async () => {
  const port = await freePort();
  const error = await failureOf(connectStore({ servers: `nats://127.0.0.1:${port}`, connectTimeoutMs: 500 }));
  expect(error.code).toBe("unreachable");
  expect(error.message).toContain(`127.0.0.1:${port}`);
});

test("an address that is none is refused", async () => {
  const error = await failureOf(connectStore({ servers: "http://127.0.0.1:4222" }));
  expect(error.code).toBe("bad-request");
});

test("a bucket that another tool made without atomic batches is made able to take them", async () => {
  const { jetstreamManager } = await import("@nats-io/jetstream");
  const { connect } = await import("@nats-io/transport-node");
  const connection = await connect({ servers: nats.url });
  onTestFinished(() => connection.close());
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: "KV_foreign", subjects: ["$KV.foreign.>"], max_msgs_per_subject: 1 });
  const store = await connectStore({ servers: nats.url, bucket: "foreign" });
  onTestFinished(() => store.close());
  await store.apply([{ document: shard }, { document: testShard("gpu-b") }]);
  expect((await manager.streams.info("KV_foreign")).config).toMatchObject({
    allow_atomic: true,
    max_msgs_per_subject: 64,
  });
});
