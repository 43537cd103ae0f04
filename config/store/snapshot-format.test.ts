import { createHash } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import type { SignalboxDocument } from "../documents/document.ts";
import { documentId, documentKey } from "../documents/document.ts";
import { modelSchema } from "../documents/model.ts";
import { objectiveSchema } from "../documents/objective.ts";
import { shardSchema } from "../documents/shard.ts";
import { documentBytes } from "../format.ts";
import type { StoredEntry } from "../live-documents.ts";
import { emptyLiveDocuments, settleAll } from "../settle.ts";
import { decodeSnapshot, encodeSnapshot, type SnapshotState, UnusableSnapshot } from "./snapshot-format.ts";

const apiVersion = "signalbox.dev/v1";
const shard = shardSchema.parse({
  apiVersion,
  kind: "Shard",
  metadata: { name: "gpu-a", annotations: { note: "Ünïcode\u2028 und\nZeilen" } },
  spec: { endpoints: [{ address: "127.0.0.1", port: 8080 }] },
});
const model = modelSchema.parse({
  apiVersion,
  kind: "Model",
  metadata: { name: "ranker" },
  spec: { versions: [{ version: "1", placement: [{ shard: "gpu-a" }], parameters: { beam: 4 } }] },
});
const objective = (name: string, modelName: string) =>
  objectiveSchema.parse({
    apiVersion,
    kind: "Objective",
    metadata: { name },
    spec: { default: { model: modelName, version: "1" } },
  });

function entry(document: SignalboxDocument, revision: number): StoredEntry {
  const key = documentKey(documentId(document));
  return { key, revision, value: documentBytes(document), at: "2026-11-21T08:00:00.000Z" };
}

const live = settleAll(
  emptyLiveDocuments,
  [
    [entry(shard, 1), entry(model, 2)],
    [entry(objective("home", "ranker"), 3)],
    [entry(objective("dangling", "nothing"), 4)],
    [{ key: "shard.default.bad", revision: 9, value: new Uint8Array([255]), at: "2026-11-21T08:00:00.000Z" }],
  ],
  new Date("2026-11-21T08:00:00Z"),
);
const state = { live, streamCreatedAt: "2026-11-21T07:00:00.123456789Z" };

const encoded = async (given: SnapshotState) => Buffer.concat(await encodeSnapshot(given));

/** The snapshot with its lines changed, and a checksum that is right again. */
async function rewritten(change: (line: string) => string): Promise<Buffer> {
  const [, ...lines] = (await encoded(state)).toString().split("\n");
  const body = lines.map(change).join("\n");
  const sum = createHash("sha256").update(body).digest("hex");
  return Buffer.from(`signalbox-snapshot 1 sha256:${sum}\n${body}`);
}

test("a snapshot gives back the live documents, their revisions, the rejections and what is pending", async () => {
  expect(live.rejections.size).toBe(2);
  expect(live.pending.length).toBeGreaterThan(0);
  expect(decodeSnapshot(await encoded(state))).toEqual(state);
});

test("what was pending in a snapshot goes live when what it waits for arrives", async () => {
  const { live: restored } = decodeSnapshot(await encoded(state));
  const other = { ...model, metadata: { ...model.metadata, name: "nothing" } };
  const after = settleAll(restored, [[entry(other, 10)]], new Date());
  expect(after.objectives.get("default/dangling")?.revision).toBe(4);
});

test("an empty state is a snapshot too", async () => {
  const empty = { live: emptyLiveDocuments, streamCreatedAt: "" };
  expect(decodeSnapshot(await encoded(empty))).toEqual(empty);
});

test("every length short of the whole, and every flipped byte, is noticed", async () => {
  const bytes = await encoded(state);
  for (let length = 0; length < bytes.length; length += 7) {
    expect(() => decodeSnapshot(bytes.subarray(0, length))).toThrow(UnusableSnapshot);
  }
  for (let at = 0; at < bytes.length; at += 11) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 4;
    expect(() => decodeSnapshot(changed)).toThrow(UnusableSnapshot);
  }
});

test("a snapshot with a document that is no longer valid keeps the others, without those that name it", async () => {
  const bytes = await rewritten((line) => line.replace('"kind":"Model"', '"kind":"Bygone"'));
  const { live: restored } = decodeSnapshot(bytes);
  expect([...restored.shards]).toEqual([...live.shards]);
  expect(restored.models.size).toBe(0);
  expect(restored.objectives.size).toBe(0);
  expect(restored.revision).toBe(0);
});

test("others may have a turn after each line of a snapshot", async () => {
  const objectives = Array.from({ length: 40 }, (_, index) => entry(objective(`o${index}`, "ranker"), index + 3));
  const many = settleAll(emptyLiveDocuments, [[entry(shard, 1), entry(model, 2), ...objectives]], new Date(0));
  let clockMs = 0;
  // Everything takes as long as a piece may.
  const clock = vi.spyOn(performance, "now").mockImplementation(() => clockMs++);
  try {
    let isEncoded = false;
    let turns = 0;
    const encoded = encodeSnapshot({ live: many, streamCreatedAt: "2026-11-21T07:00:00Z" }).then(() => {
      isEncoded = true;
    });
    for (; !isEncoded; turns++) await turn();
    await encoded;
    expect(turns).toBeGreaterThan(many.objectives.size);
  } finally {
    clock.mockRestore();
  }
});
