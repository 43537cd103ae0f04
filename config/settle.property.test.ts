import fc from "fast-check";
import { expect, test } from "vitest";
import { arbitraryDocument, damaged } from "../test/support/arbitrary-documents.ts";
import {
  stored,
  type Written,
  writtenModel,
  writtenObjective,
  writtenShard,
} from "../test/support/written-documents.ts";
import { liveDocument } from "./check.ts";
import type { LiveDocuments, StoredEntry } from "./live-documents.ts";
import { referenceProblems } from "./relations/check-references.ts";
import { type Dependents, dependentsIndex, dependentsOf } from "./relations/dependents.ts";
import { emptyLiveDocuments, settle, settleAll } from "./settle.ts";

const now = new Date(0);

/** Few names and versions, so that documents meet, miss and break each other all the time. */
const shardName = fc.constantFrom("s1", "s2");
const modelName = fc.constantFrom("m1", "m2");
const version = fc.constantFrom("1", "2", "3");
const content: fc.Arbitrary<Written | string> = fc.oneof(
  fc.tuple(shardName, fc.constantFrom("http1", "grpc")).map(([name, protocol]) => writtenShard(name, { protocol })),
  fc
    .tuple(modelName, fc.uniqueArray(version, { minLength: 1 }), shardName, fc.constantFrom("raw", "openai"))
    .map(([name, versions, shard, protocol]) => writtenModel(name, versions, shard, { protocol })),
  fc
    .tuple(fc.constantFrom("o1", "o2", "o3"), modelName, version)
    .map(([name, model, wanted]) => writtenObjective(name, model, wanted)),
  fc.constantFrom("o1", "o2").map((name) => ({ ...writtenObjective(name, "m1", "1"), spec: { nonsense: 1 } })),
  fc.constantFrom("shard.default.s1", "model.default.m1", "model.default.m2", "objective.default.o1"),
);

const history: fc.Arbitrary<StoredEntry[][]> = fc
  .array(fc.array(content, { minLength: 1, maxLength: 4 }), { maxLength: 25 })
  .map((batches) => {
    let revision = 0;
    return batches.map((batch) => batch.map((each) => stored(++revision, each)));
  });

const oneByOne = (batches: readonly (readonly StoredEntry[])[], from = emptyLiveDocuments): LiveDocuments =>
  batches.reduce((live, batch) => settle(live, batch, now), from);

test("live documents never name what is not live", () => {
  fc.assert(
    fc.property(history, (batches) => {
      let live = emptyLiveDocuments;
      for (const batch of batches) {
        live = settle(live, batch, now);
        expect(danglingIn(live)).toEqual([]);
      }
    }),
    { numRuns: 300 },
  );
});

test("settling the same batches again gives the same value, in one go or one by one", () => {
  fc.assert(
    fc.property(history, (batches) => {
      const live = oneByOne(batches);
      expect(oneByOne(batches)).toEqual(live);
      expect(inOrder(settleAll(emptyLiveDocuments, batches, now))).toEqual(inOrder(live));
    }),
    { numRuns: 300 },
  );
});

test("overlapping batches, as after a reconnect, change nothing", () => {
  fc.assert(
    fc.property(history, fc.nat(25), (batches, from) => {
      const live = oneByOne(batches);
      expect(oneByOne(batches.slice(from), live)).toBe(live);
    }),
  );
});

test("every batch is live as a whole or not at all, as far as later ones have not replaced it", () => {
  fc.assert(
    fc.property(history, (batches) => {
      const live = oneByOne(batches);
      const newest = new Map(batches.flat().map((entry) => [entry.key, entry.revision]));
      for (const batch of batches) {
        const own = batch.filter((entry) => newest.get(entry.key) === entry.revision);
        const refused = own.filter((entry) => live.rejections.get(entry.key)?.revision === entry.revision);
        expect([0, own.length]).toContain(refused.length);
      }
    }),
    { numRuns: 300 },
  );
});

test("the newest revision of every document is either in force or rejected", () => {
  fc.assert(
    fc.property(history, (batches) => {
      const live = oneByOne(batches);
      const newest = new Map(batches.flat().map((entry) => [entry.key, entry]));
      for (const [key, entry] of newest) {
        const revision = liveRevisions(live).get(key);
        const rejected = live.rejections.get(key)?.revision === entry.revision;
        if (entry.value !== null) expect(rejected).toBe(revision !== entry.revision);
        else if (revision !== undefined) expect(rejected).toBe(true);
      }
    }),
    { numRuns: 300 },
  );
});

test("a batch that could go live by itself is never left pending", () => {
  fc.assert(
    fc.property(history, (batches) => {
      const live = oneByOne(batches);
      for (const { entries } of live.pending) {
        if (entries.some(({ problems }) => problems.length > 0)) continue;
        const again = entries.map((entry, index) => ({
          key: entry.key,
          revision: live.revision + 1 + index,
          value: entry.document ? new TextEncoder().encode(JSON.stringify(entry.document)) : null,
          at: "",
        }));
        const alone = settle({ ...live, pending: [], rejections: new Map() }, again, now);
        expect(alone.rejections.size).toBeGreaterThan(0);
      }
    }),
    { numRuns: 300 },
  );
});

test("whatever anyone publishes, under whatever key, is settled without an exception", () => {
  const key = fc.oneof(
    fc.string(),
    fc.constantFrom("objective.default.o1", "model.default.m1", "shard.a", "shard.a.b.c"),
  );
  const value = fc.oneof(
    fc.constant(null),
    fc.uint8Array(),
    fc.json().map((text) => new TextEncoder().encode(text)),
    damaged(arbitraryDocument.map(({ written }) => written)).map((document) =>
      new TextEncoder().encode(JSON.stringify(document)),
    ),
  );
  const entries = fc.array(fc.record({ key, value }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(fc.array(entries, { maxLength: 5 }), (batches) => {
      let revision = 0;
      const stream = batches.map((batch) => batch.map((entry) => ({ ...entry, revision: ++revision, at: "" })));
      expect(oneByOne(stream).revision).toBe(revision);
    }),
    { numRuns: 1000 },
  );
});

test("the reverse index that is carried along is the one that would be built anew", () => {
  fc.assert(
    fc.property(history, (batches) => {
      const live = oneByOne(batches);
      expect(asObject(dependentsIndex(live))).toEqual(asObject(dependentsIndex({ ...live })));
    }),
  );
});

function danglingIn(live: LiveDocuments): string[] {
  const lookup = {
    find: (key: string) => liveDocument(live, key),
    names: () => [],
    dependents: (key: string) => [...dependentsOf(live, key)].flatMap((each) => liveDocument(live, each) ?? []),
  };
  const documents = [...live.models.values(), ...live.objectives.values()].map(({ document }) => document);
  return documents.flatMap((document) => referenceProblems(document, lookup).map(({ message }) => message));
}

function liveRevisions({ shards, models, objectives }: LiveDocuments): Map<string, number> {
  const key = (kind: string, name: string) => `${kind}.${name.replace("/", ".")}`;
  return new Map([
    ...[...shards].map(([name, { revision }]) => [key("shard", name), revision] as const),
    ...[...models].map(([name, { revision }]) => [key("model", name), revision] as const),
    ...[...objectives].map(([name, { revision }]) => [key("objective", name), revision] as const),
  ]);
}

/** Without the order of maps, which says nothing. */
function inOrder(live: LiveDocuments): unknown {
  const sorted = (map: ReadonlyMap<string, unknown>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
  const { revision, shards, models, objectives, rejections, pending } = live;
  return { revision, maps: [shards, models, objectives, rejections].map(sorted), pending };
}

function asObject(index: Dependents): Record<string, string[]> {
  return Object.fromEntries([...index].map(([key, dependents]) => [key, [...dependents.keys()].sort()]));
}
