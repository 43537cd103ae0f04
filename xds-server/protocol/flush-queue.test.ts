import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createFlushQueue, type Flushable } from "./flush-queue.ts";

function recorder(): { readonly flushed: string[]; item(name: string, work?: () => void): Flushable } {
  const flushed: string[] = [];
  const item = (name: string, work?: () => void) => ({
    flush: () => {
      flushed.push(name);
      work?.();
    },
  });
  return { flushed, item };
}

describe("a flush queue", () => {
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  it("flushes a commit that comes alone at once, in all streams", async () => {
    const { flushed, item } = recorder();
    const queue = createFlushQueue({ coalesceMs: 60_000, sliceMs: 10 });
    const [a, b] = [item("a"), item("b")];
    for (const stream of [a, b, a]) queue.coalesced(stream);
    expect(flushed).toEqual([]);
    await turn();
    expect(flushed).toEqual(["a", "b"]);
    queue.remove(a);
  });

  it("makes the commits within the window after that into one flush", async () => {
    const { flushed, item } = recorder();
    const queue = createFlushQueue({ coalesceMs: 20, sliceMs: 10 });
    const stream = item("a");
    queue.coalesced(stream);
    await turn();
    for (let commit = 0; commit < 100; commit++) queue.coalesced(stream);
    await turn();
    expect(flushed).toEqual(["a"]);
    await sleep(60);
    expect(flushed).toEqual(["a", "a"]);
  });

  it("gives the event loop its turn between two slices", async () => {
    const { flushed, item } = recorder();
    const queue = createFlushQueue({ coalesceMs: 5, sliceMs: 0 });
    for (const name of ["a", "b", "c"]) queue.soon(item(name));
    const seen: number[] = [];
    while (flushed.length < 3) {
      await new Promise((resolve) => setImmediate(resolve));
      seen.push(flushed.length);
    }
    expect(seen).toContain(1);
    expect(seen).toContain(2);
    expect(flushed).toEqual(["a", "b", "c"]);
  });

  it("gives the event loop its turn when much was given to the network", async () => {
    const { flushed, item } = recorder();
    const queue = createFlushQueue({ coalesceMs: 5, sliceMs: 10_000 });
    const give = () => queue.gave(10 * 1024 * 1024);
    for (const name of ["a", "b", "c", "d"]) queue.soon(item(name, give));
    const seen: string[] = [];
    while (flushed.length < 4) {
      await new Promise((resolve) => setImmediate(resolve));
      seen.push(flushed.join(""));
    }
    expect(seen).toContain("ab");
  });

  it("does not flush what was removed", async () => {
    const { flushed, item } = recorder();
    const queue = createFlushQueue({ coalesceMs: 1, sliceMs: 10 });
    const [a, b] = [item("a"), item("b")];
    queue.soon(a);
    queue.coalesced(b);
    queue.remove(a);
    queue.remove(b);
    await sleep(20);
    expect(flushed).toEqual([]);
  });

  it("flushes again what asks for it during its own flush", async () => {
    const { flushed, item } = recorder();
    const queue = createFlushQueue({ coalesceMs: 1, sliceMs: 10 });
    const again: Flushable = item("a", () => {
      if (flushed.length < 3) queue.soon(again);
    });
    queue.soon(again);
    await sleep(20);
    expect(flushed).toEqual(["a", "a", "a"]);
  });
});
