import { expect, test } from "vitest";
import { createGate } from "./gate.ts";

const never = new AbortController().signal;

test("so many go in at once, and the others in their order", async () => {
  const gate = createGate(2);
  const entered: number[] = [];
  const leaves: (() => void)[] = [];
  const enter = (n: number) =>
    gate.enter(never).then((leave) => {
      entered.push(n);
      leaves.push(leave);
    });
  const all = [1, 2, 3, 4].map(enter);
  await Promise.all(all.slice(0, 2));
  expect(entered).toEqual([1, 2]);
  leaves[0]?.();
  await all[2];
  leaves[1]?.();
  await all[3];
  expect(entered).toEqual([1, 2, 3, 4]);
});

test("whoever gives up waiting takes no place", async () => {
  const gate = createGate(1);
  const leave = await gate.enter(never);
  const giveUp = new AbortController();
  const waiting = gate.enter(giveUp.signal);
  const next = gate.enter(never);
  giveUp.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  leave();
  await next;
  await expect(gate.enter(AbortSignal.abort(new Error("already")))).rejects.toThrow("already");
});
