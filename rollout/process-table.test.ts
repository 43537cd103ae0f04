import { expect, test } from "vitest";
import { createProcessTable } from "./process-table.ts";
import { sampleStatus } from "./testing.ts";

function table() {
  let nowMs = 0;
  const made = createProcessTable({ lifetimeMs: 10_000, now: () => nowMs });
  const ids = () => made.alive().map(({ id }) => id);
  return {
    ...made,
    ids,
    pass: (durationMs: number) => {
      nowMs += durationMs;
    },
  };
}

test("a process counts for its lifetime after it was last heard of", () => {
  const { note, ids, pass, remembered } = table();
  note("r.1", sampleStatus("resolver", "r1", 1));
  pass(9_999);
  expect(ids()).toEqual(["r1"]);
  pass(1);
  expect(ids()).toEqual([]);
  expect(remembered(60_000).map(({ id }) => id)).toEqual(["r1"]);
  pass(60_000);
  expect(remembered(60_000)).toEqual([]);
});

test("a process that said goodbye is gone at once, and not remembered", () => {
  const { note, ids, remembered } = table();
  note("r.1", sampleStatus("resolver", "r1", 1));
  note("r.1", null);
  expect(ids()).toEqual([]);
  expect(remembered(60_000)).toEqual([]);
});

test("while NATS is away nobody dies, and when it is back everybody has a lifetime to report again", () => {
  const { note, ids, pass, suspend, resume } = table();
  note("r.1", sampleStatus("resolver", "r1", 1));
  pass(9_000);
  note("x.1", sampleStatus("xds-server", "x1", 1));
  pass(2_000);
  suspend();
  pass(3_600_000);
  expect(ids()).toEqual(["x1"]);
  resume();
  pass(9_999);
  expect(ids()).toEqual(["x1"]);
  pass(1);
  expect(ids()).toEqual([]);
});

test("whom a former process remembered is remembered for what is left of the time, and is not alive", () => {
  const former = table();
  former.note("r.1", sampleStatus("resolver", "r1", 1));
  former.pass(20_000);
  former.note("r.2", sampleStatus("resolver", "r2", 2));
  const next = table();
  next.restore(former.silences());
  expect(next.ids()).toEqual([]);
  expect(next.remembered(60_000).map(({ id }) => id)).toEqual(["r1", "r2"]);
  next.pass(40_000);
  expect(next.remembered(60_000).map(({ id }) => id)).toEqual(["r2"]);
});

test("a process that was heard of is not taken for what a former one remembers of it", () => {
  const { note, restore, remembered, ids } = table();
  note("r.1", sampleStatus("resolver", "r1", 7));
  restore(new Map([["r.1", { status: sampleStatus("resolver", "r1", 1), silentMs: 0 }]]));
  expect(ids()).toEqual(["r1"]);
  expect(remembered(60_000)[0]?.rollout?.watermark).toBe(7);
});

test("what was stored for a while is not said now, whenever it is heard", () => {
  const { note, pass, saidAfter, suspend, resume } = table();
  const ids = (atMs: number) => saidAfter(atMs).map(({ id }) => id);
  note("x.1", sampleStatus("xds-server", "x1", 1));
  pass(1000);
  note("x.2", sampleStatus("xds-server", "x2", 1));
  expect([ids(-1), ids(0)]).toEqual([["x1", "x2"], ["x2"]]);
  suspend();
  pass(1000);
  note("x.2", sampleStatus("xds-server", "x2", 1), true);
  resume();
  expect(ids(0)).toEqual([]);
  pass(1000);
  note("x.2", sampleStatus("xds-server", "x2", 1));
  expect(ids(2999)).toEqual(["x2"]);
});
