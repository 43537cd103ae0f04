import { PassThrough } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createReadTurns } from "./read-turns.ts";

const piece = Buffer.alloc(16 * 1024, "x");

/** Streams into each of which so many pieces were written, and who hears of them. */
function streamsOf(count: number, pieces: number, onData: (stream: PassThrough, index: number) => void) {
  return Array.from({ length: count }, (_, index) => {
    const stream = new PassThrough({ highWaterMark: 1024 * 1024 });
    stream.on("data", () => onData(stream, index));
    stream.pause();
    for (let written = 0; written < pieces; written++) stream.write(piece);
    return stream;
  });
}

describe("reading in turns", () => {
  it("gives the listeners everything, and of all streams no more than so much in a turn", async () => {
    let inThisTurn = 0;
    const heard = Array<number>(10).fill(0);
    const streams = streamsOf(10, 4, (_, index) => {
      inThisTurn++;
      heard[index] = (heard[index] ?? 0) + 1;
    });
    const readInTurns = createReadTurns({ bytesAtOnce: 3 * piece.length });
    for (const stream of streams) {
      readInTurns(stream);
      stream.resume();
    }
    await nextTurn();
    const later: number[] = [];
    for (let turn = 0; turn < 30; turn++) {
      inThisTurn = 0;
      await nextTurn();
      later.push(inThisTurn);
    }
    expect(heard).toEqual(Array(10).fill(4));
    expect(Math.max(...later)).toBe(3);
  });

  it("reads what began first to its end before the others, but a little of each that begins", async () => {
    const heard: number[] = [];
    const streams = streamsOf(3, 4, (_, index) => heard.push(index));
    const readInTurns = createReadTurns({ bytesAtOnce: piece.length });
    for (const stream of streams) {
      readInTurns(stream);
      stream.resume();
    }
    for (let turn = 0; turn < 30; turn++) await nextTurn();
    expect(heard.join("")).toBe("012012001122");
  });

  it("leaves a stream alone that its listener has paused, until that resumes it", async () => {
    const heard: number[] = [];
    const [stream] = streamsOf(1, 1, (own) => {
      heard.push(1);
      own.pause();
    });
    if (!stream) throw new Error("one stream was made");
    createReadTurns()(stream);
    stream.resume();
    for (let turn = 0; turn < 5; turn++) await nextTurn();
    stream.write(piece);
    for (let turn = 0; turn < 5; turn++) await nextTurn();
    expect(heard).toHaveLength(1);
    stream.resume();
    for (let turn = 0; turn < 5; turn++) await nextTurn();
    expect(heard).toHaveLength(2);
  });

  it("forgets a stream that is gone", async () => {
    const heard: number[] = [];
    const [gone, other] = streamsOf(2, 1, (_, index) => heard.push(index));
    const readInTurns = createReadTurns();
    for (const stream of [gone, other]) if (stream) readInTurns(stream.resume());
    await nextTurn();
    gone?.destroy();
    other?.write(piece);
    for (let turn = 0; turn < 5; turn++) await nextTurn();
    expect(heard).toEqual([0, 1, 1]);
  });
});
