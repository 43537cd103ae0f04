import { expect, test } from "vitest";
import type { DocumentId } from "../config/documents/document.ts";
import { measureDeletions } from "./deletions.ts";
import { liveOf, shard } from "./testing/documents.ts";

const live = liveOf(...Array.from({ length: 8 }, (_, index) => shard(`s-${index}`)));
const shards = (count: number, namespace = "default"): DocumentId[] =>
  Array.from({ length: count }, (_, index) => ({ kind: "Shard", namespace, name: `s-${index}` }));

test("a quarter of a namespace's shards may go without a word, one more may not", () => {
  expect(measureDeletions(live, shards(2))).toMatchObject({ documents: 2, excessive: [] });
  expect(measureDeletions(live, shards(3)).excessive).toEqual([
    { kind: "Shard", namespace: "default", deleted: 3, of: 8, percent: 37.5 },
  ]);
});

test("the limit can be moved to either end", () => {
  expect(measureDeletions(live, shards(1), 0).excessive).toHaveLength(1);
  expect(measureDeletions(live, shards(8), 100).excessive).toHaveLength(0);
});

test("what is not live does not count, and is deleted all the same", () => {
  expect(measureDeletions(live, shards(8, "other"))).toEqual({ documents: 8, shares: [], excessive: [] });
});
