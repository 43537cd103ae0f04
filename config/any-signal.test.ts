import { describe, expect, onTestFinished, test } from "vitest";
import { anySignal } from "./any-signal.ts";

describe.each(["with", "without"])("%s AbortSignal.any", (which) => {
  const signalOf = (...signals: readonly AbortSignal[]): AbortSignal => {
    const { any } = AbortSignal;
    onTestFinished(() => void Object.assign(AbortSignal, { any }));
    if (which === "without") Object.assign(AbortSignal, { any: undefined });
    return anySignal(signals);
  };

  test("the first of several that aborts says why", () => {
    const [first, second] = [new AbortController(), new AbortController()];
    const signal = signalOf(first.signal, second.signal);
    expect(signal.aborted).toBe(false);
    second.abort("second");
    expect([signal.aborted, signal.reason]).toEqual([true, "second"]);
  });

  test("one that has aborted already counts at once", () => {
    expect(signalOf(new AbortController().signal, AbortSignal.abort("before")).reason).toBe("before");
  });
});
