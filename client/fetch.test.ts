import { expect, test } from "vitest";
import type { Context } from "../selection/context.ts";
import { createFetch } from "./fetch.ts";
import { answer, never } from "./testing.ts";

const sent: string[] = [];
const wrap = (context: () => Promise<Context>) =>
  createFetch({
    fetch: async (request) => {
      sent.push((request as Request).url);
      return new Response("answered");
    },
    emit: () => undefined,
    envoyUrl: "http://envoy.test",
    defaultFor: () => undefined,
    resolve: async () => answer,
  })("ranking", context);

test("an abort ends the wait for a context, and nothing is sent", async () => {
  const giveUp = new AbortController();
  const asking = wrap(never)("/infer", { signal: giveUp.signal });
  giveUp.abort(new Error("enough"));
  await expect(asking).rejects.toThrow("enough");
  expect(sent).toEqual([]);
});

test("a context that fails after an abort is nobody's failure", async () => {
  const failing = wrap(() => Promise.reject(new Error("no context")));
  await expect(failing("/infer", { signal: AbortSignal.abort(new Error("already")) })).rejects.toThrow("already");
  await expect(failing("/infer")).rejects.toThrow("no context");
  expect(sent).toEqual([]);
});
