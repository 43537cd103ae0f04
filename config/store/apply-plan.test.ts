import { headers } from "@nats-io/transport-node";
import { expect, test } from "vitest";
import { shardSchema } from "../documents/shard.ts";
import { documentBytes } from "../format.ts";
import { type Change, plan, requireExpected, resultOfEarlierAttempt, step } from "./apply-plan.ts";
import type { BucketMessage } from "./entry.ts";

const shard = (name: string, port = 8080) =>
  shardSchema.parse({
    apiVersion: "signalbox.dev/v1",
    kind: "Shard",
    metadata: { name },
    spec: { endpoints: [{ address: "127.0.0.1", port }] },
  });

function stored(name: string, seq: number, options: { batchId?: string; deleted?: boolean } = {}): BucketMessage {
  const messageHeaders = headers();
  if (options.batchId) messageHeaders.set("Nats-Batch-Id", options.batchId);
  if (options.deleted) messageHeaders.set("KV-Operation", "DEL");
  const data = options.deleted ? new Uint8Array() : documentBytes(shard(name));
  return { key: `shard.default.${name}`, seq, time: new Date(0), headers: messageHeaders, data };
}

function planOne(change: Change) {
  const [planned] = plan([change]);
  if (!planned) throw new Error("no plan");
  return planned;
}

const current = (...messages: BucketMessage[]) => new Map(messages.map((message) => [message.key, message]));

test("an attempt whose answer was lost is recognised by its batch id, also when another changed one of its documents", () => {
  const planned = plan([{ document: shard("a") }, { document: shard("b") }]);
  const found = current(stored("a", 9, { batchId: "somebody else" }), stored("b", 6, { batchId: "mine" }));
  const result = resultOfEarlierAttempt(planned, found, new Set(["mine"]));
  expect(result?.results.map(({ revision }) => revision)).toEqual([9, 6]);
});

test("an attempt that left nothing behind is not taken for done", () => {
  const planned = plan([{ document: shard("a") }]);
  const found = current(stored("a", 9, { batchId: "somebody else" }));
  expect(resultOfEarlierAttempt(planned, found, new Set(["mine"]))).toBeNull();
  expect(resultOfEarlierAttempt(planned, new Map(), new Set())).toBeNull();
});

test("every conflict is named, not only the first", () => {
  const planned = plan([
    { document: shard("a"), expectedRevision: 1 },
    { document: shard("b"), expectedRevision: 2 },
    { document: shard("c"), expectedRevision: 0 },
  ]);
  const found = current(stored("a", 5), stored("b", 2), stored("c", 7));
  expect(() => requireExpected(planned, found)).toThrow(
    "shard.default.a was edited from revision 1, but the store has revision 5; " +
      "shard.default.c was expected not to exist, but the store has revision 7",
  );
});

test("a document that is gone was edited from a revision that is no longer there", () => {
  const planned = plan([{ document: shard("a"), expectedRevision: 3 }]);
  expect(() => requireExpected(planned, new Map())).toThrow("but the store has none");
});

test("what is published is bound to the revision that was read, that of a deletion included", () => {
  const create = planOne({ document: shard("a") });
  expect(step(create, null, false).item?.expectedRevision).toBe(0);
  expect(step(create, stored("a", 4, { deleted: true }), false)).toMatchObject({
    item: { expectedRevision: 4 },
    result: { change: "created" },
  });
  expect(step(create, stored("a", 4), false).item).toBeNull();
  const update = planOne({ document: shard("a", 9090) });
  expect(step(update, stored("a", 4), false)).toMatchObject({
    item: { expectedRevision: 4 },
    result: { change: "updated" },
  });
});
