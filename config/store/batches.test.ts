import { expect, test } from "vitest";
import type { StoredEntry } from "../live-documents.ts";
import { type BatchMembership, createBatchGrouper } from "./batches.ts";

function entry(revision: number): StoredEntry {
  return { key: `shard.default.s-${revision}`, revision, value: null, at: "2026-11-21T08:00:00.000Z" };
}

/** Adds entries 1, 2, 3 ... with these memberships; returns the revisions of the batches that came out of each step. */
function revisionsOut(memberships: readonly (BatchMembership | null)[]): number[][][] {
  const grouper = createBatchGrouper();
  return memberships.map((membership, index) =>
    grouper.add(entry(index + 1), membership).map((batch) => batch.map(({ revision }) => revision)),
  );
}

const inside = (id: string) => ({ id, isLast: false });
const last = (id: string) => ({ id, isLast: true });

test("an entry that was published alone is a batch by itself", () => {
  expect(revisionsOut([null, null])).toEqual([[[1]], [[2]]]);
});

test("nothing comes out until the last message of a batch", () => {
  expect(revisionsOut([inside("a"), inside("a"), last("a")])).toEqual([[], [], [[1, 2, 3]]]);
});

test("a batch of one message is complete with it", () => {
  expect(revisionsOut([last("a"), last("b")])).toEqual([[[1]], [[2]]]);
});

test("a batch whose last message is gone ends where another one begins", () => {
  expect(revisionsOut([inside("a"), inside("a"), inside("b"), last("b")])).toEqual([[], [], [[1, 2]], [[3, 4]]]);
});

test("a batch whose last message is gone ends where an entry follows that was published alone", () => {
  expect(revisionsOut([inside("a"), null])).toEqual([[], [[1], [2]]]);
});

test("a batch whose last message is gone ends where a batch of one follows", () => {
  expect(revisionsOut([inside("a"), last("b")])).toEqual([[], [[1], [2]]]);
});

test("flush hands out what there is of a batch, once", () => {
  const grouper = createBatchGrouper();
  grouper.add(entry(1), inside("a"));
  expect(grouper.isOpen()).toBe(true);
  expect(grouper.flush()).toEqual([[entry(1)]]);
  expect(grouper.isOpen()).toBe(false);
  expect(grouper.flush()).toEqual([]);
});
