import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createPause } from "./pause.ts";

const rests: number[] = [];
let clockMs = 0;
/** What others do with the event loop when they get it. */
let others: () => void = () => undefined;
let turns = 0;

vi.mock("node:timers/promises", () => ({
  setImmediate: () =>
    new Promise<void>((resolve) => {
      setImmediate(() => {
        turns += 1;
        others();
        resolve();
      });
    }),
  setTimeout: async (ms: number) => {
    rests.push(ms);
  },
}));

beforeEach(() => {
  [clockMs, turns] = [0, 0];
  rests.length = 0;
  others = () => undefined;
  vi.spyOn(performance, "now").mockImplementation(() => clockMs);
});
afterEach(() => void vi.restoreAllMocks());

/** Does so many pieces of work, each of which takes so long; tells in which turn of the event loop each was done. */
async function work(pieces: number, pieceMs: number): Promise<readonly number[]> {
  const pause = createPause(1);
  const doneIn: number[] = [];
  for (let piece = 0; piece < pieces; piece += 1) {
    await pause();
    clockMs += pieceMs;
    doneIn.push(turns);
  }
  return doneIn;
}

describe("work with pauses", () => {
  test("gives others the event loop once it has taken as long as it may", async () => {
    expect(await work(9, 0.25)).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 2]);
  });

  test("goes on at once where nobody else has anything to do", async () => {
    await work(20, 1);
    expect(rests).toEqual([]);
  });

  test("rests for as long as it took where others do, up to a bound", async () => {
    others = () => {
      clockMs += 0.25;
    };
    await work(4, 7);
    await work(2, 50);
    expect(rests).toEqual([7, 7, 7, 20]);
  });

  test("that is short does not rest", async () => {
    others = () => {
      clockMs += 0.25;
    };
    await work(4, 1.5);
    expect(rests).toEqual([]);
  });

  test("takes turns with other such work: one piece of one of them in a turn", async () => {
    const doneIn = (await Promise.all([work(6, 1), work(6, 1), work(6, 1)])).flatMap(([, ...later]) => later);
    expect(new Set(doneIn).size).toBe(doneIn.length);
  });
});
