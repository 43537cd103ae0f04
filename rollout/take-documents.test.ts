import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import type { LiveDocuments } from "../config/live-documents.ts";
import { emptyLiveDocuments, settle } from "../config/settle.ts";
import { stored, writtenModel, writtenObjective, writtenShard } from "../test/support/written-documents.ts";
import { takeDocuments } from "./take-documents.ts";

const now = new Date(0);

/** Documents with so many objectives, in the given edition. */
function documents(objectives: number, ttlMs: number, from: LiveDocuments = emptyLiveDocuments): LiveDocuments {
  const all = [writtenShard("s"), writtenModel("m", ["1"], "s")];
  for (let index = 0; index < objectives; index += 1)
    all.push(writtenObjective(`o${index}`, "m", "1", { policy: { ttlMs } }));
  const entries = all.map((each, index) => stored(from.revision + index + 1, each));
  return settle(from, entries, now);
}

/** A source that the test drives, and what was taken in of it: a piece for each objective. */
function driven(current: LiveDocuments = emptyLiveDocuments) {
  const listeners = new Set<(live: LiveDocuments) => void>();
  const taken: LiveDocuments[] = [];
  const source = {
    current: () => current,
    subscribe: (listener: (live: LiveDocuments) => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    started: Promise.resolve(),
  };
  const { started, stop } = takeDocuments(source, {
    *taking(live) {
      for (const _name of live.objectives.keys()) yield;
      taken.push(live);
    },
    isTaken: (live) => taken.includes(live),
  });
  const update = (live: LiveDocuments) => {
    for (const listener of listeners) listener(live);
  };
  return { taken, update, stop, listeners, started };
}

describe("documents", () => {
  test("are taken in in their order, the newest of those that came meanwhile", async () => {
    const { taken, update, started } = driven();
    await started;
    taken.length = 0;
    const first = documents(500, 1);
    const second = documents(500, 2, first);
    const third = documents(500, 3, second);
    for (const live of [first, second, third]) update(live);
    expect(taken).toEqual([]);
    await expect.poll(() => taken.at(-1), { timeout: 20_000 }).toBe(third);
    expect(taken).toEqual([first, third]);
  });

  test("of a small change are taken in at once", () => {
    const { taken, update } = driven();
    const [first, second] = [documents(8, 1), documents(9, 1)];
    update(first);
    update(second);
    expect(taken).toEqual([first, second]);
  });

  test("that were there at the start are taken in, and no others are needed to be ready", async () => {
    const first = documents(500, 1);
    const { taken, started } = driven(first);
    await started;
    expect(taken).toEqual([first]);
  });

  test("that were taken in before the start are not taken in again", async () => {
    const first = documents(3, 1);
    const { taken, update, started } = driven(first);
    update(first);
    await started;
    expect(taken).toEqual([first]);
  });

  test("of a large change leave others a turn after each piece", async () => {
    let clockMs = 0;
    // Everything takes as long as a piece may.
    const clock = vi.spyOn(performance, "now").mockImplementation(() => clockMs++);
    try {
      const { taken, update } = driven();
      update(documents(60, 1));
      let turns = 0;
      for (; taken.length === 0; turns++) await turn();
      expect(turns).toBeGreaterThan(30);
    } finally {
      clock.mockRestore();
    }
  });

  test("are not listened for any longer than they are taken in", () => {
    const { stop, listeners } = driven();
    expect(listeners.size).toBe(1);
    stop();
    expect(listeners.size).toBe(0);
  });
});
