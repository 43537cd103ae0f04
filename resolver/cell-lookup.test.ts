import { describe, expect, test, vi } from "vitest";
import { type CellLookupDeps, type CellSource, type CountCellLookup, createCellLookup } from "./cell-lookup.ts";

const question = { namespace: "default", attribute: "userId", unit: "u1" };

function lookupOf(
  cellsOf: CellSource["cellsOf"],
  more: Partial<Pick<CellLookupDeps, "timeoutMs" | "maxUnits" | "maxCharacters" | "maxUnderWay">> = {},
) {
  const counts: Record<string, number> = {};
  const count: CountCellLookup = (outcome) => {
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  };
  let time = 0;
  const deps = { timeoutMs: 60_000, ttlMs: 1000, ...more, source: { cellsOf }, count, now: () => time };
  return { lookup: createCellLookup(deps), counts, pass: (ms: number) => (time += ms) };
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
    await slow;
    expect(lookup(question)).toEqual(["exp=treatment"]);
    expect(counts).toEqual({ late: 1, cached: 1 });
  });

  test("of a platform that fails are left out, and asked for again", async () => {
    const cellsOf = vi.fn<CellSource["cellsOf"]>().mockRejectedValueOnce(new Error("down")).mockResolvedValue([]);
    const { lookup, counts } = lookupOf(cellsOf);
    expect(await lookup(question)).toBeNull();
    expect(await lookup(question)).toEqual([]);
    expect(counts).toEqual({ failed: 1, answered: 1 });
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
