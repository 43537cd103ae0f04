import { expect, test } from "vitest";
import { createPendingDraft, type Unit } from "./pending.ts";

const unit = (...entries: readonly (readonly [key: string, revision: number, bytes?: number])[]): Unit => ({
  entries: entries.map(([key, revision, bytes = 10]) => ({ key, revision, bytes, document: null, problems: [] })),
  waitsFor: [],
});

const keysOf = (batches: readonly { readonly entries: readonly { readonly key: string }[] }[]) =>
  batches.map(({ entries }) => entries.map(({ key }) => key).join("+"));

test("a kept batch is found by what it holds and by what it waits for", () => {
  const pending = createPendingDraft([]);
  const one = unit(["a", 1], ["b", 2]);
  pending.keep(one, ["x"]);
  expect(pending.holding("b")).toBe(one);
  expect([...pending.waitingFor("x")]).toEqual([one]);
  pending.keep(one, ["y"]);
  expect([...pending.waitingFor("x")]).toEqual([]);
  pending.remove(one);
  expect(pending.holding("a")).toBeUndefined();
  expect([...pending.waitingFor("y")]).toEqual([]);
});

test("a superseded document leaves its batch, and an empty batch goes", () => {
  const pending = createPendingDraft([]);
  pending.keep(unit(["a", 1], ["b", 2]), []);
  pending.keep(unit(["c", 3]), []);
  const changed = pending.supersede(["a", "c", "unknown"]);
  expect(keysOf(changed)).toEqual(["b"]);
  expect(keysOf(pending.finish())).toEqual(["b"]);
});

test("too many documents or bytes push out the oldest batches", () => {
  const byDocuments = createPendingDraft([], { documents: 2, bytes: 1000 });
  for (const [index, key] of ["c", "b", "a"].entries()) byDocuments.keep(unit([key, 10 + index]), []);
  expect(keysOf(byDocuments.finish())).toEqual(["b", "a"]);

  const byBytes = createPendingDraft([], { documents: 100, bytes: 25 });
  byBytes.keep(unit(["late", 9, 20]), []);
  byBytes.keep(unit(["early", 1, 20]), []);
  expect(keysOf(byBytes.finish())).toEqual(["late"]);
});

test("what nothing happened to comes back as it was", () => {
  const pending = createPendingDraft([]);
  pending.keep(unit(["b", 2]), ["x"]);
  pending.keep(unit(["a", 1]), []);
  const finished = pending.finish();
  expect(keysOf(finished)).toEqual(["a", "b"]);
  expect(createPendingDraft(finished).finish()).toBe(finished);
});
