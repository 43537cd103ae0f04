import { describe, expect, test } from "vitest";
import type { LiveDocuments } from "../config/live-documents.ts";
import { emptyLiveDocuments, settle } from "../config/settle.ts";
import { compileSelection } from "../selection/selector.ts";
import { stored, writtenModel, writtenObjective, writtenShard } from "../test/support/written-documents.ts";
import { compiledAhead } from "./compiled-ahead.ts";

const now = new Date(0);

/** Documents with so many objectives, in the given edition. */
function documents(objectives: number, ttlMs: number, from: LiveDocuments = emptyLiveDocuments): LiveDocuments {
  const all = [writtenShard("s"), writtenModel("m", ["1"], "s")];
  for (let index = 0; index < objectives; index += 1)
    all.push(writtenObjective(`o${index}`, "m", "1", { policy: { ttlMs } }));
  const entries = all.map((each, index) => stored(from.revision + index + 1, each));
  return settle(from, entries, now);
}

/** A source that the test drives, and what a listener of the one around it heard. */
function driven(start: { readonly current?: LiveDocuments; readonly known?: LiveDocuments } = {}) {
  const listeners = new Set<(live: LiveDocuments) => void>();
  let current = start.current ?? emptyLiveDocuments;
  const source = compiledAhead(
    {
      current: () => current,
      subscribe: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      started: Promise.resolve(),
    },
    () => start.known ?? null,
  );
  const heard: LiveDocuments[] = [];
  const stop = source.subscribe((live) => heard.push(live));
  const update = (live: LiveDocuments) => {
    current = live;
    for (const listener of listeners) listener(live);
  };
  return { heard, update, stop, listeners, started: source.started };
}

describe("documents compiled ahead", () => {
  test("are told once they are compiled, in their order, the newest of those that came meanwhile", async () => {
    const { heard, update, started } = driven();
    await started;
    heard.length = 0;
    const first = documents(500, 1);
    const second = documents(500, 2, first);
    const third = documents(500, 3, second);
    for (const live of [first, second, third]) update(live);
    expect(heard).toEqual([]);
    await expect.poll(() => heard.at(-1), { timeout: 20_000 }).toBe(third);
    expect(heard).toEqual([first, third]);
  });

  test("of a small change are told at once", async () => {
    const { heard, update } = driven();
    const first = documents(20, 1);
    update(first);
    await expect.poll(() => heard.length, { timeout: 20_000 }).toBe(1);
    const second = settle(first, [stored(first.revision + 1, writtenObjective("o1", "m", "1"))], now);
    update(second);
    expect(heard).toEqual([first, second]);
  });

  test("that were there at the start are told once they are compiled, so that the first change after them is small", async () => {
    const first = documents(500, 1);
    const { heard, update, started } = driven({ current: first });
    await started;
    expect(heard).toEqual([first]);
    const second = settle(first, [stored(first.revision + 1, writtenObjective("o1", "m", "1"))], now);
    update(second);
    expect(heard).toEqual([first, second]);
  });

  test("that the listeners have are not compiled anew", () => {
    const known = documents(500, 1);
    const { heard, update } = driven({ known });
    const changed = settle(known, [stored(known.revision + 1, writtenObjective("o1", "m", "1"))], now);
    update(changed);
    expect(heard).toEqual([changed]);
  });

  test("are compiled already when they are told, and the same as compiled at once", async () => {
    const { heard, update } = driven();
    const first = documents(50, 1);
    update(first);
    await expect.poll(() => heard.length, { timeout: 20_000 }).toBe(1);
    const [once, again] = [compileSelection(first), compileSelection(first)];
    expect(once.objectives.size).toBe(50);
    // Not compiled twice: the very same values.
    for (const [name, compiled] of once.objectives) expect(again.objectives.get(name)).toBe(compiled);
  });

  test("are not listened for any longer than they are told", () => {
    const { stop, listeners } = driven();
    expect(listeners.size).toBe(1);
    stop();
    expect(listeners.size).toBe(0);
  });
});
