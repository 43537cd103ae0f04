import { expect, test, vi } from "vitest";
import { fakeClock, fakeTransport, never, recordEvents } from "../testing.ts";
import { createResolverPool, NoAnswerError } from "./resolver-pool.ts";
import { RefusedError, type Transport } from "./transport.ts";

const call = { namespace: "default", objectives: ["ranking"], context: {}, labels: {} };
const ask = (transport: Transport, signal: AbortSignal) => transport.resolve(call, signal);

function makePool(options: { readonly timeoutMs?: number } = {}) {
  const first = fakeTransport("http://first");
  const second = fakeTransport("http://second");
  const clock = fakeClock();
  const { emit, events, types } = recordEvents();
  const { timeoutMs = 10_000 } = options;
  const pool = createResolverPool({
    transports: [first, second],
    timeoutMs,
    emit,
    nowMs: clock.nowMs,
    random: () => 0,
  });
  return { pool, first, second, clock, events, types };
}

const refusal = (retryable: boolean) => {
  const code = retryable ? "not_ready" : "invalid_request";
  return new RefusedError({ code, message: "no", retryable, problems: [] });
};

test("one resolver is asked while it answers", async () => {
  const { pool, first, second } = makePool();
  await pool.ask(ask);
  expect([first.calls.length, second.calls.length]).toEqual([1, 0]);
});

test("the next one is asked at once when one fails, and the one that failed comes last for a while", async () => {
  const { pool, first, second, clock, types } = makePool();
  first.behave = () => Promise.reject(new Error("connection refused"));
  await pool.ask(ask);
  expect([first.calls.length, second.calls.length]).toEqual([1, 1]);
  expect(types()).toEqual(["resolver-failed", "resolver-avoided"]);
  await pool.ask(ask);
  expect([first.calls.length, second.calls.length]).toEqual([1, 2]);
  clock.pass(1001);
  await pool.ask(ask);
  expect(first.calls.length).toBe(2);
});

test("a resolver that says not_ready has failed; one that refuses for good has answered", async () => {
  const { pool, first, second } = makePool();
  first.behave = () => Promise.reject(refusal(true));
  await pool.ask(ask);
  expect(second.calls.length).toBe(1);
  second.behave = () => Promise.reject(refusal(false));
  await expect(pool.ask(ask)).rejects.toThrow(RefusedError);
  expect(pool.isDown()).toBe(false);
});

test("a second one is asked when the first is silent for longer than usual, and the slower one is let go", async () => {
  const { pool, first, second, events } = makePool();
  first.behave = never;
  await pool.ask(ask);
  expect([first.calls.length, second.calls.length]).toEqual([1, 1]);
  expect(events).toEqual([{ type: "hedged", url: "http://second", afterMs: 50 }]);
  expect(first.aborted).toBe(1);
});

test("one that is silent again and again is avoided", async () => {
  const { pool, first, second, clock } = makePool();
  first.behave = never;
  second.behave = async () => {
    clock.pass(100);
    return [];
  };
  for (let n = 0; n < 4; n++) await pool.ask(ask);
  expect([first.calls.length, second.calls.length]).toEqual([3, 4]);
});

test("resolvers that are all slow get only one call in ten twice, after the first ten", async () => {
  vi.useFakeTimers();
  try {
    const { pool, types } = makePool({ timeoutMs: 1000 });
    const slow = () => new Promise<readonly []>((resolve) => setTimeout(() => resolve([]), 200));
    const { first, second } = { first: fakeTransport("a"), second: fakeTransport("b") };
    first.behave = slow;
    second.behave = slow;
    for (let n = 0; n < 110; n++) {
      const asking = pool.ask(slow);
      await vi.advanceTimersByTimeAsync(300);
      await asking;
    }
    const hedges = types().filter((type) => type === "hedged").length;
    expect(hedges).toBeGreaterThanOrEqual(10);
    expect(hedges).toBeLessThanOrEqual(22);
  } finally {
    vi.useRealTimers();
  }
});

test("when none answers in time, the call fails, names them, and they all are down", async () => {
  const { pool, first, second } = makePool({ timeoutMs: 60 });
  first.behave = never;
  second.behave = never;
  const failure = await pool.ask(ask).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(NoAnswerError);
  expect(String(failure)).toMatch(/no answer within 60 ms from http:\/\/first, http:\/\/second/);
  expect(pool.isDown()).toBe(true);
  expect([first.aborted, second.aborted]).toEqual([1, 1]);
});

test("closing fails what is under way, and everything after", async () => {
  const { pool, first, second } = makePool();
  first.behave = never;
  second.behave = never;
  const asking = pool.ask(ask);
  pool.close();
  await expect(asking).rejects.toThrow("the client is closed");
  await expect(pool.ask(ask)).rejects.toThrow("the client is closed");
  expect(first.aborted).toBe(1);
});

test("when all fail, the message says of each why", async () => {
  const { pool, first, second } = makePool();
  first.behave = () => Promise.reject(new Error("one"));
  second.behave = () => Promise.reject(new Error("two"));
  await expect(pool.ask(ask)).rejects.toThrow("no resolver answers; http://first: one; http://second: two");
});
