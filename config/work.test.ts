import { expect, test } from "vitest";
import { doAtOnce, doInPieces, type Work } from "./work.ts";

function* counting(to: number): Work<number> {
  let sum = 0;
  for (let n = 1; n <= to; n++) {
    sum += n;
    yield;
  }
  return sum;
}

test("work makes the same in one go and in pieces, with a pause after each", async () => {
  let pauses = 0;
  const pause = async () => {
    pauses++;
  };
  expect(doAtOnce(counting(4))).toBe(10);
  expect(await doInPieces(counting(4), pause)).toBe(10);
  expect(pauses).toBe(4);
});

test("what the work throws comes out of it", async () => {
  // biome-ignore lint/correctness/useYield: it fails before its first piece is done
  const failing = function* (): Work<number> {
    throw new Error("broken");
  };
  expect(() => doAtOnce(failing())).toThrow("broken");
  await expect(doInPieces(failing(), async () => undefined)).rejects.toThrow("broken");
});
