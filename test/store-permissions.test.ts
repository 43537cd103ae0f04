import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { SignalboxDocument } from "../config/documents/document.ts";
import { documentId } from "../config/documents/document.ts";
import { connectStore, type DocumentStore } from "../config/store/document-store.ts";
import { followDocuments } from "../config/store/follow.ts";
import type { StoreError } from "../config/store/store-error.ts";
import { natsServerBinary } from "../setup/paths.js";
import { freePort, freePorts } from "./support/ports.ts";
import { answers, makeTemporaryFolder, type Running, startProcess, temporaryFolder } from "./support/processes.ts";
import { testShard } from "./support/store-documents.ts";

/** What a user needs who only reads documents; a publisher needs the subjects of its documents besides. */
const reading = [
  "$JS.API.STREAM.INFO.KV_signalbox",
  "$JS.API.STREAM.MSG.GET.KV_signalbox",
  "$JS.API.CONSUMER.CREATE.KV_signalbox.>",
  "$JS.API.CONSUMER.MSG.NEXT.KV_signalbox.>",
  "$JS.API.CONSUMER.DELETE.KV_signalbox.>",
];

let server: Running;
let port: number;
const folder = makeTemporaryFolder();

beforeAll(async () => {
  const binary = natsServerBinary();
  if (!binary) throw new Error("nats-server is not installed: run `npm run setup`");
  const [listen = 0, monitor] = await freePorts(2);
  port = listen;
  const user = (name: string, publish: readonly string[]) =>
    `{ user: ${name}, password: secret, permissions: { publish: ${JSON.stringify(publish)}, subscribe: ["_INBOX.>"] } }`;
  const configuration = join(folder, "nats.conf");
  writeFileSync(
    configuration,
    `
    listen: "127.0.0.1:${port}"
    http: "127.0.0.1:${monitor}"
    jetstream { store_dir: ${JSON.stringify(join(folder, "jetstream"))} }
    authorization { users: [
      { user: admin, password: secret }
      ${user("team-a", [...reading, "$KV.signalbox.*.team-a.*"])}
      ${user("reader", reading)}
      ${user("stranger", ["something.else"])}
    ] }`,
  );
  server = await startProcess(binary, ["--config", configuration], {
    ready: () => answers(`http://127.0.0.1:${monitor}/healthz`),
  });
  await (await storeAs("admin", () => undefined)).close();
});

afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const urlOf = (user: string, password = "secret") => `nats://${user}:${password}@127.0.0.1:${port}`;

async function storeAs(user: string, whenOver = onTestFinished): Promise<DocumentStore> {
  const store = await connectStore({ servers: urlOf(user) });
  whenOver(() => store.close());
  return store;
}

function inNamespace(namespace: string, name: string, shardPort?: number): SignalboxDocument {
  const shard = testShard(name, shardPort);
  return { ...shard, metadata: { ...shard.metadata, namespace } };
}

async function failureOf(promise: Promise<unknown>): Promise<StoreError> {
  return (await promise.then(
    () => ({ code: "nothing failed" }),
    (thrown: unknown) => thrown,
  )) as StoreError;
}

test("a user may publish in its own namespace and nowhere else", async () => {
  const store = await storeAs("team-a");
  const result = await store.apply([{ document: inNamespace("team-a", "one") }]);
  expect(result.results[0]?.change).toBe("created");
  const error = await failureOf(store.apply([{ document: inNamespace("team-b", "one") }]));
  expect(error.code).toBe("denied");
  expect(error.message).toContain("$KV.signalbox.shard.team-b.one");
});

test("a batch with one document that the user may not publish stores nothing, wherever it stands", async () => {
  const store = await storeAs("team-a");
  const mine = ["x", "y"].map((name) => ({ document: inNamespace("team-a", name) }));
  const foreign = { document: inNamespace("team-b", "x") };
  for (const place of [0, 1, 2]) {
    const error = await failureOf(store.apply(mine.toSpliced(place, 0, foreign)));
    expect(error.code).toBe("denied");
  }
  expect(await store.get(documentId(inNamespace("team-a", "x")))).toBeNull();
});

test("a reader gets documents, listings and history, and cannot publish", async () => {
  await (await storeAs("admin")).apply([{ document: inNamespace("default", "seen") }]);
  const reader = await storeAs("reader");
  const id = documentId(inNamespace("default", "seen"));
  expect(await reader.get(id)).not.toBeNull();
  expect(await reader.history(id)).toHaveLength(1);
  expect((await reader.list({ namespace: "default" })).length).toBe(1);
  expect((await failureOf(reader.apply([{ delete: id }]))).code).toBe("denied");
});

test("a follower needs no more than a reader", async () => {
  await (await storeAs("admin")).apply([{ document: inNamespace("default", "followed") }]);
  const over = new AbortController();
  const follower = followDocuments({
    servers: urlOf("reader"),
    snapshotFolder: temporaryFolder(),
    signal: over.signal,
  });
  onTestFinished(async () => {
    over.abort();
    await follower.stopped;
  });
  await follower.started;
  expect(follower.current().shards.has("default/followed")).toBe(true);
});

test("a user without any right to the bucket, or with a wrong password, is told so", async () => {
  const stranger = await failureOf(connectStore({ servers: urlOf("stranger") }));
  expect(stranger.code).toBe("denied");
  expect(stranger.message).toContain("$JS.API.STREAM.INFO.KV_signalbox");
  const impostor = await failureOf(connectStore({ servers: urlOf("admin", "wrong") }));
  expect(impostor.code).toBe("denied");
  expect(impostor.message).not.toContain("wrong");
});

test("a server without JetStream is told apart from one that is not there", async () => {
  const binary = natsServerBinary();
  const [listen, monitor] = await freePorts(2);
  const args = ["--addr", "127.0.0.1", "--port", String(listen), "--http_port", String(monitor)];
  const bare = await startProcess(binary ?? "", args, { ready: () => answers(`http://127.0.0.1:${monitor}/healthz`) });
  onTestFinished(() => bare.stop());
  const error = await failureOf(connectStore({ servers: `127.0.0.1:${listen}` }));
  expect(error.message).toContain("is JetStream enabled on the NATS server?");
});

test("a server that is there but does not speak NATS is unreachable", async () => {
  const { createServer } = await import("node:net");
  const silent = createServer(() => {});
  const silentPort = await freePort();
  await new Promise<void>((resolve) => silent.listen(silentPort, "127.0.0.1", resolve));
  onTestFinished(() => void silent.close());
  const error = await failureOf(connectStore({ servers: `127.0.0.1:${silentPort}`, connectTimeoutMs: 300 }));
  expect(error.code).toBe("unreachable");
});
