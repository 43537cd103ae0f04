import { expect, test } from "vitest";
import { shardSchema } from "../documents/shard.ts";
import type { LiveDocuments, StoredEntry } from "../live-documents.ts";
import { emptyLiveDocuments, settleAll, settling } from "../settle.ts";
import { doAtOnce } from "../work.ts";
import type { FollowEvent } from "./follower-status.ts";
import { createLiveHolder } from "./live-holder.ts";
import { carryOver, countCarriedOver, countDocuments, settleSafely } from "./live-state.ts";

const now = new Date("2026-11-21T08:00:00Z");

function shardEntry(name: string, revision: number): StoredEntry {
  const document = {
    apiVersion: "signalbox.dev/v1",
    kind: "Shard",
    metadata: { namespace: "default", name },
    spec: { endpoints: [{ address: "127.0.0.1", port: 8080 }] },
  };
  shardSchema.parse(document);
  const value = new TextEncoder().encode(JSON.stringify(document));
  return { key: `shard.default.${name}`, revision, value, at: now.toISOString() };
}

const garbage = (revision: number): StoredEntry => ({
  key: "shard.default.bad",
  revision,
  value: new Uint8Array([255, 0]),
  at: now.toISOString(),
});

/** A settle that fails on every batch that holds this revision. */
function failingAt(revision: number): typeof settling {
  return function* (live, batches, at) {
    if (batches.flat().some((entry) => entry.revision === revision)) throw new Error("broken");
    return yield* settling(live, batches, at);
  };
}

test("a batch that makes settling throw is rejected alone, and the others become live", () => {
  const failures: number[] = [];
  const batches = [[shardEntry("a", 1)], [shardEntry("b", 2)], [shardEntry("c", 3)]];
  const live = doAtOnce(
    settleSafely(emptyLiveDocuments, batches, now, (revision) => failures.push(revision), failingAt(2)),
  );
  expect([...live.shards.keys()]).toEqual(["default/a", "default/c"]);
  expect(live.rejections.get("shard.default.b")).toMatchObject({
    revision: 2,
    problems: [{ message: "could not be taken in: broken" }],
  });
  expect(live.revision).toBe(3);
  expect(failures).toEqual([2]);
});

test("a batch at the end that makes settling throw still counts as taken into account", () => {
  const live = doAtOnce(settleSafely(emptyLiveDocuments, [[shardEntry("a", 7)]], now, () => {}, failingAt(7)));
  expect(live.revision).toBe(7);
});

test("carried over documents stay, at revision 0, without the rejections of the old stream", () => {
  const before = settleAll(emptyLiveDocuments, [[shardEntry("a", 4)], [garbage(5)]], now);
  expect(before.rejections.size).toBe(1);
  const live = carryOver(before);
  expect(live).toMatchObject({ revision: 0, pending: [] });
  expect(live.shards.get("default/a")?.revision).toBe(0);
  expect(live.rejections.size).toBe(0);
  expect([countDocuments(live), countCarriedOver(live)]).toEqual([1, 1]);
  const after = settleAll(live, [[shardEntry("a", 1)]], now);
  expect([countDocuments(after), countCarriedOver(after)]).toEqual([1, 0]);
});

function holder() {
  const events: FollowEvent[] = [];
  const heard: LiveDocuments[] = [];
  const made = createLiveHolder({ emit: (event) => events.push(event), now: () => now });
  made.subscribe((live) => heard.push(live));
  return { ...made, events, heard };
}

test("listeners hear of nothing before it is published, and then of all at once", () => {
  const { take, settle, publish, published, heard } = holder();
  take([shardEntry("a", 1)]);
  take([shardEntry("b", 2)]);
  settle();
  expect(published()).toBe(emptyLiveDocuments);
  expect(heard).toEqual([]);
  expect(publish()).toBe(true);
  expect(heard.map(({ shards }) => shards.size)).toEqual([2]);
  expect(publish()).toBe(false);
  expect(heard).toHaveLength(1);
});

test("each rejection is an event, once", () => {
  const { take, settle, events } = holder();
  take([garbage(1)]);
  settle();
  take([shardEntry("a", 2)]);
  settle();
  expect(events.map(({ type }) => type)).toEqual(["rejected"]);
});

test("a large batch is settled with pauses between its documents, and shows as a whole", async () => {
  const made = createLiveHolder({ emit: () => undefined, now: () => now });
  made.take(Array.from({ length: 100 }, (_, n) => shardEntry(`s${n}`, n + 1)));
  let pauses = 0;
  const live = await made.settleInPieces(async () => {
    pauses++;
    expect(countDocuments(made.settle())).toBe(0);
  });
  expect(pauses).toBeGreaterThanOrEqual(100);
  expect(countDocuments(live)).toBe(100);
  expect(made.settle()).toBe(live);
});
