import { expect, test } from "vitest";
import { answerFrom } from "./answer.ts";
import { createLateSource } from "./late-source.ts";
import { createLateTransport } from "./remote/late-transport.ts";
import type { Source } from "./source.ts";
import { never, question, resolution } from "./testing.ts";

const answer = answerFrom(resolution(), "local");

test("an abort ends the wait for the code with its reason", async () => {
  const source = createLateSource(never);
  const giveUp = new AbortController();
  const asking = source.resolve(question(), giveUp.signal);
  giveUp.abort(new Error("enough"));
  await expect(asking).rejects.toThrow("enough");
  await expect(source.resolve(question(), AbortSignal.abort(new Error("already")))).rejects.toThrow("already");
});

test("a call that waits for the code is answered, and hands its signal on", async () => {
  const signals: (AbortSignal | undefined)[] = [];
  const resolve: Source["resolve"] = (_question, signal) => {
    signals.push(signal);
    return answer;
  };
  const loaded = { resolve } as Source;
  const source = createLateSource(async () => loaded);
  const { signal } = new AbortController();
  expect(await source.resolve(question(), signal)).toBe(answer);
  expect(await source.resolve(question(), signal)).toBe(answer);
  expect(signals).toEqual([signal, signal]);
});

test("code that cannot be loaded fails the calls, and nothing else", async () => {
  const source = createLateSource(() => Promise.reject(new Error("no such module")));
  await expect(source.resolve(question())).rejects.toThrow("no such module");
  await source.close();
  const transport = createLateTransport("grpc://a", () => Promise.reject(new Error("no such module")));
  await expect(transport.defaults("default", undefined, new AbortController().signal)).rejects.toThrow(
    "no such module",
  );
  transport.close();
});
