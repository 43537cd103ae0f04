import { setImmediate } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import { type CellLookupDeps, createCellLookup, type OnCellLookup } from "./cell-lookup.ts";
import type { CellSource } from "./cell-source.ts";

const question = { namespace: "default", attribute: "userId", unit: "u1" };

function lookupOf(
  source: CellSource,
  more: Partial<
    Pick<CellLookupDeps, "timeoutMs" | "maxUnits" | "maxCharacters" | "maxUnderWay" | "abandonAfterMs" | "signal">
  > = {},
) {
  const counts: Record<string, number> = {};
  const errors: string[] = [];
  const onLookup: OnCellLookup = ({ outcome, cause }) => {
    counts[outcome] = (counts[outcome] ?? 0) + 1;
    if (outcome === "failed") errors.push(String(cause));
  };
  let time = 0;
  const { signal } = new AbortController();
  const deps = { timeoutMs: 60_000, ttlMs: 1000, signal, ...more, source, onLookup, now: () => time };
  return { lookup: createCellLookup(deps), counts, errors, pass: (ms: number) => (time += ms) };
}

describe("cells of an outside platform", () => {
  test("are asked for once while they are good, and again afterwards", async () => {
    const cellsOf = vi.fn(async () => ["exp=control"]);
    const { lookup, counts, pass } = lookupOf(cellsOf);
    expect(await lookup(question)).toEqual(["exp=control"]);
    expect(lookup(question)).toEqual(["exp=control"]);
    pass(1001);
    expect(await lookup(question)).toEqual(["exp=control"]);
    expect(cellsOf).toHaveBeenCalledTimes(2);
    expect(counts).toEqual({ answered: 2, cached: 1 });
  });

  test("are asked for once by requests at the same time, and for each unit by itself", async () => {
    const cellsOf = vi.fn(async ({ unit }: { readonly unit: string }) => [`exp=${unit}`]);
    const { lookup } = lookupOf(cellsOf);
    const both = await Promise.all([lookup(question), lookup(question), lookup({ ...question, unit: "u2" })]);
    expect(both).toEqual([["exp=u1"], ["exp=u1"], ["exp=u2"]]);
    expect(cellsOf).toHaveBeenCalledTimes(2);
  });

  test("that come late are not waited for, and are there for the next request", async () => {
    let answer: (cells: readonly string[]) => void = () => undefined;
    const slow = new Promise<readonly string[]>((resolve) => {
      answer = resolve;
    });
    const { lookup, counts } = lookupOf(() => slow, { timeoutMs: 1 });
    expect(await lookup(question)).toBeNull();
    answer(["exp=treatment"]);
    await setImmediate();
    expect(lookup(question)).toEqual(["exp=treatment"]);
    expect(counts).toEqual({ late: 1, cached: 1 });
  });

  test("of a platform that fails are left out, and asked for again", async () => {
    const cellsOf = vi.fn<CellSource>().mockRejectedValueOnce(new Error("down")).mockResolvedValue([]);
    const { lookup, counts, errors } = lookupOf(cellsOf);
    expect(await lookup(question)).toBeNull();
    expect(await lookup(question)).toEqual([]);
    expect(counts).toEqual({ failed: 1, answered: 1 });
    expect(errors).toEqual(["Error: down"]);
  });

  test.each<[string, unknown, string]>([
    ["no list", "exp=control", 'cells must be a list, found the string "exp=control"'],
    ["nothing", undefined, "cells is missing; it must be a list"],
    ["no texts", ["exp=control", 7], 'cells[1] must be a string, found the number 7; put it in quotes: "7"'],
    ["too many", Array(1025).fill("a=b"), "cells must have at most 1024 entries, found 1025"],
  ])("are left out when the platform answers with %s", async (_, answer, problem) => {
    const { lookup, errors } = lookupOf(async () => answer as string[]);
    expect(await lookup(question)).toBeNull();
    expect(errors).toEqual([`Error: the experiment platform's ${problem}; an answer is a list of texts <key>=<arm>`]);
  });

  test("may be known without waiting", async () => {
    const { lookup, counts } = lookupOf(() => ["exp=control"]);
    expect(await lookup(question)).toEqual(["exp=control"]);
    expect(counts).toEqual({ answered: 1 });
  });

  test("of a platform that throws at once are left out, and are no failure of the request", async () => {
    const { lookup, errors } = lookupOf(() => {
      throw new Error("not connected");
    });
    expect(await lookup(question)).toBeNull();
    expect(errors).toEqual(["Error: not connected"]);
  });

  test("of a platform that never answers are asked for again, although it does not heed the signal", async () => {
    const source = vi.fn<CellSource>(() => new Promise(() => undefined));
    const { lookup, counts } = lookupOf(source, { abandonAfterMs: 1, maxUnderWay: 1 });
    expect(await lookup(question)).toBeNull();
    expect(await lookup({ ...question, unit: "u2" })).toBeNull();
    expect(source).toHaveBeenCalledTimes(2);
    expect(counts).toEqual({ failed: 2 });
  });

  test("are not waited for by the platform's own code once all has ended", async () => {
    const stopping = new AbortController();
    const source: CellSource = (_, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    const { lookup, errors } = lookupOf(source, { signal: stopping.signal });
    const asking = lookup(question);
    stopping.abort(new Error("closed"));
    expect(await asking).toBeNull();
    expect(errors).toEqual(["Error: closed"]);
  });

  test("are kept for so many units only", async () => {
    const cellsOf = vi.fn(async () => []);
    const { lookup } = lookupOf(cellsOf, { maxUnits: 10 });
    for (let unit = 0; unit < 100; unit += 1) await lookup({ ...question, unit: `u${unit}` });
    for (let unit = 90; unit < 100; unit += 1) expect(lookup({ ...question, unit: `u${unit}` })).toEqual([]);
    expect(cellsOf).toHaveBeenCalledTimes(100);
    await lookup({ ...question, unit: "u0" });
    expect(cellsOf).toHaveBeenCalledTimes(101);
  });

  test("are kept within so many characters only, however long units and cells are", async () => {
    const cellsOf = vi.fn(async () => ["exp=control", "x".repeat(1000)]);
    const { lookup } = lookupOf(cellsOf, { maxCharacters: 10_000 });
    for (let unit = 0; unit < 20; unit += 1) await lookup({ ...question, unit: `${unit}`.repeat(1000) });
    const isKept = (unit: number) => !(lookup({ ...question, unit: `${unit}`.repeat(1000) }) instanceof Promise);
    expect([17, 18, 19].map(isKept)).toEqual([true, true, true]);
    expect([0, 10, 14].map(isKept)).toEqual([false, false, false]);
  });

  test("take no more room when they are asked for again", async () => {
    const { lookup, pass } = lookupOf(async () => ["x".repeat(1000)], { maxCharacters: 10_000 });
    await lookup({ ...question, unit: "first" });
    for (let time = 0; time < 20; time += 1) {
      pass(1001);
      await lookup(question);
    }
    await lookup({ ...question, unit: "first" });
    expect(lookup(question)).toEqual(["x".repeat(1000)]);
  });

  test("are not asked for while a platform that hangs has enough questions", async () => {
    const waiting: ((cells: readonly string[]) => void)[] = [];
    const cellsOf = vi.fn(() => new Promise<readonly string[]>((resolve) => waiting.push(resolve)));
    const { lookup, counts } = lookupOf(cellsOf, { timeoutMs: 1, maxUnderWay: 10 });
    for (let unit = 0; unit < 100; unit += 1) expect(await lookup({ ...question, unit: `u${unit}` })).toBeNull();
    expect(cellsOf).toHaveBeenCalledTimes(10);
    expect(counts).toEqual({ late: 100 });
    for (const answer of waiting.splice(0)) answer([]);
    await vi.waitFor(() => expect(lookup({ ...question, unit: "u9" })).toEqual([]));
    void lookup({ ...question, unit: "u99" });
    expect(cellsOf).toHaveBeenCalledTimes(11);
  });
});
