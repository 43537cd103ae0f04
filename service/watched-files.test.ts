import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { watchFiles } from "./watched-files.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A file in memory that must hold a number. */
async function watchNumber(text: string) {
  const file: { text: string | null } = { text };
  const heard: unknown[] = [];
  const watched = await watchFiles({
    read: async () => {
      if (file.text === null) throw new Error("there is no such file");
      return new Map([["/number", Buffer.from(file.text)]]);
    },
    parse: (contents) => {
      const value = Number(contents.get("/number"));
      if (Number.isNaN(value)) throw new Error(`${contents.get("/number")} is no number`);
      return value;
    },
    intervalMs: 100,
    onChange: (value) => heard.push(value),
    onProblem: (problem) => heard.push(problem),
  });
  const write = async (next: string | null) => {
    file.text = next;
    await vi.advanceTimersByTimeAsync(300);
  };
  return { watched, heard, write };
}

describe("a watched file", () => {
  test("is read anew when its content changes, and only then", async () => {
    const { watched, heard, write } = await watchNumber("1");
    await write("1");
    await write("2");
    await write("2");
    expect([watched.current(), heard]).toEqual([2, [2]]);
  });

  test("that is no longer good, or gone, leaves the last good one in use and says why once", async () => {
    const { watched, heard, write } = await watchNumber("1");
    await write("two");
    await write(null);
    expect(watched.current()).toBe(1);
    await write("2");
    expect([watched.current(), heard]).toEqual([2, ["two is no number", "there is no such file", 2, null]]);
  });

  test("that is not good at the start is an error", async () => {
    await expect(watchNumber("one")).rejects.toThrow("one is no number");
  });

  test("is left alone once it is no longer watched", async () => {
    const { watched, heard, write } = await watchNumber("1");
    watched.stop();
    await write("2");
    expect([watched.current(), heard]).toEqual([1, []]);
  });
});
