import { expect, test } from "vitest";
import { fakeClock, fakeTransport, never, question, recordEvents, resolution } from "../testing.ts";
import { createAnswerCache } from "./answer-cache.ts";
import { createKnownDefaults } from "./defaults.ts";
import { createRemoteSource } from "./remote-source.ts";
import { createResolverPool } from "./resolver-pool.ts";
import type { ResolveResult } from "./transport.ts";

function makeSource(options: { readonly maxEntries?: number } = {}) {
  const transport = fakeTransport("http://first");
  const clock = fakeClock();
  const { emit, events } = recordEvents();
  const { nowMs } = clock;
  const pool = createResolverPool({ transports: [transport], timeoutMs: 60, emit, nowMs, random: () => 0 });
  const defaults = createKnownDefaults({ pool, namespace: "default", file: null, refreshMs: 3_600_000, emit });
  const cache = createAnswerCache(options.maxEntries ?? 10);
  const source = createRemoteSource({ pool, cache, defaults, staleMs: 5000, token: "secret", emit, nowMs });
  return { source, transport, clock, events, cache, ready: defaults.ready };
}

const broken = () => Promise.reject(new Error("connection refused"));

test("an answer is reused for its ttlMs, and for its own context only", async () => {
  const { source, transport, clock } = makeSource();
  expect((await source.resolve(question("1"))).source).toBe("resolver");
  clock.pass(9999);
  expect((await source.resolve(question("1"))).source).toBe("cache");
  expect((await source.resolve(question("2"))).source).toBe("resolver");
  expect((await source.resolve(question("1", { labels: { trafficClass: "test" } }))).source).toBe("resolver");
  expect(transport.calls.length).toBe(3);
  clock.pass(20_000);
  expect((await source.resolve(question("1"))).source).toBe("resolver");
});

test("an answer whose time is just over is given at once, and asked for anew behind it", async () => {
  const { source, transport, clock } = makeSource();
  await source.resolve(question());
  clock.pass(10_001);
  transport.behave = async () => [resolution("9")];
  expect(await source.resolve(question())).toMatchObject({ source: "stale", config: { version: "8" } });
  await expect.poll(() => transport.calls.length).toBe(2);
  await expect
    .poll(async () => source.resolve(question()))
    .toMatchObject({ source: "cache", config: { version: "9" } });
});

test("the order of the attributes does not matter", async () => {
  const { source, transport } = makeSource();
  await source.resolve(question("1", { context: { a: 1, b: [true, "x"] } }));
  await source.resolve(question("1", { context: { b: [true, "x"], a: 1 } }));
  await source.resolve(question("1", { context: { a: "1", b: [true, "x"] } }));
  expect(transport.calls.length).toBe(2);
});

test("an answer with a ttlMs of 0 is not reused", async () => {
  const { source, transport } = makeSource();
  transport.behave = async () => [resolution("8", { ttlMs: 0 })];
  expect((await source.resolve(question())).source).toBe("resolver");
  expect((await source.resolve(question())).source).toBe("resolver");
});

test("what is asked in one turn of the event loop about one context is one call", async () => {
  const { source, transport } = makeSource();
  const names = Array.from({ length: 150 }, (_, index) => `objective-${index}`);
  const answers = await Promise.all(names.map((objective) => source.resolve(question("1", { objective }))));
  expect(answers.map(({ objective }) => objective)).toEqual(names.map((name) => `default/${name}`));
  expect(transport.calls.map(({ objectives }) => objectives.length)).toEqual([100, 50]);
  expect(transport.requests).toEqual([2]);
});

test("contexts of one turn of the event loop share requests, a hundred in each, and fewer when they are long", async () => {
  const { source, transport } = makeSource();
  const users = Array.from({ length: 250 }, (_, index) => question(`user-${index}`));
  const answers = await Promise.all(users.map((each) => source.resolve(each)));
  expect(answers).toHaveLength(250);
  expect(transport.requests).toEqual([100, 100, 50]);
  const long = Array.from({ length: 10 }, (_, index) => question(`${index}`.padEnd(16_000, "x")));
  await Promise.all(long.map((each) => source.resolve(each)));
  expect(transport.requests.slice(3)).toEqual([4, 4, 2]);
});

test("of contexts that share a request, each has its own answer or refusal", async () => {
  const { source, transport } = makeSource();
  const refusal = { code: "invalid_request", message: "no", retryable: false, problems: [] };
  transport.resolveMany = async (calls) =>
    calls.map(({ context }) => (context.userId === "bad" ? { refused: refusal } : [resolution()]));
  const [good, bad] = await Promise.allSettled([source.resolve(question("good")), source.resolve(question("bad"))]);
  expect(good).toMatchObject({ status: "fulfilled", value: { source: "resolver" } });
  expect(bad).toMatchObject({ status: "rejected", reason: { code: "invalid_request" } });
});

test("the same question is asked once, however many ask it", async () => {
  const { source, transport } = makeSource();
  await Promise.all(Array.from({ length: 20 }, () => source.resolve(question())));
  expect(transport.calls.map(({ objectives }) => objectives)).toEqual([["ranking"]]);
});

test("a million contexts do not fill the memory", async () => {
  const { source, cache } = makeSource({ maxEntries: 10 });
  for (let n = 0; n < 100; n++) await source.resolve(question(`user-${n}`, { context: { long: "x".repeat(n * 100) } }));
  expect(cache.size).toBe(10);
});

test("the last answer is given, however old, when no resolver answers", async () => {
  const { source, transport, clock, events } = makeSource();
  await source.resolve(question());
  clock.pass(3_600_000);
  transport.behave = broken;
  expect(await source.resolve(question())).toMatchObject({ source: "stale", config: { version: "8" } });
  expect(events).toContainEqual(
    expect.objectContaining({ type: "fell-back", source: "stale", objective: "default/ranking" }),
  );
});

test("the objective's default is given when no resolver answers and none has for this context", async () => {
  const { source, transport, ready } = makeSource();
  await ready;
  transport.behave = broken;
  const labels = { client: "web", trafficClass: "test" as const };
  expect(await source.resolve(question("1", { labels }))).toMatchObject({
    source: "default",
    config: { version: "7" },
    headers: { "x-signalbox-client": "web", "x-signalbox-traffic-class": "test" },
  });
});

test("after resolvers were found down, nobody waits for them: the fallback comes at once until they are tried again", async () => {
  const { source, transport, clock, ready } = makeSource();
  await ready;
  transport.behave = never;
  expect((await source.resolve(question("1"))).source).toBe("default");
  expect((await source.resolve(question("2"))).source).toBe("default");
  expect(transport.calls.length).toBe(1);
  transport.behave = async () => [resolution()];
  clock.pass(1001);
  expect((await source.resolve(question("2"))).source).toBe("resolver");
});

test("without an answer from before and without a default, the call fails as unavailable", async () => {
  const { source, transport, ready } = makeSource();
  await ready;
  transport.behave = broken;
  await expect(source.resolve(question("1", { objective: "other" }))).rejects.toMatchObject({
    code: "unavailable",
    retryable: true,
    message: expect.stringContaining("connection refused"),
  });
});

test("what a resolver refuses is not answered with a default", async () => {
  const { source, transport, ready } = makeSource();
  await ready;
  const refused = { code: "unknown_objective", message: "There is no such objective", retryable: false, problems: [] };
  transport.behave = async () => [{ refused }];
  await expect(source.resolve(question())).rejects.toMatchObject({ code: "unknown_objective", retryable: false });
});

test("an objective that its resolver cannot use is answered with the default", async () => {
  const { source, transport, ready } = makeSource();
  await ready;
  const refused = { code: "internal", message: "An internal error", retryable: false, problems: [] };
  transport.behave = async (): Promise<ResolveResult[]> => [{ refused }];
  expect((await source.resolve(question())).source).toBe("default");
});

test("an override goes to a resolver with the token, alone, and is neither remembered nor replaced", async () => {
  const { source, transport, ready } = makeSource();
  await ready;
  const forced = question("1", { override: { version: "9" } });
  await Promise.all([source.resolve(forced), source.resolve(forced), source.resolve(question("1"))]);
  expect(transport.calls.map(({ override, token }) => [override?.version, token])).toEqual([
    ["9", "secret"],
    ["9", "secret"],
    [undefined, undefined],
  ]);
  transport.behave = broken;
  await expect(source.resolve(forced)).rejects.toMatchObject({ code: "unavailable" });
});

test("whoever gives up waiting is let go with the reason of the signal; the others get their answer", async () => {
  const { source, transport } = makeSource();
  let finish: (results: readonly ResolveResult[]) => void = () => undefined;
  transport.behave = () => new Promise((resolve) => (finish = resolve));
  const giveUp = new AbortController();
  const impatient = source.resolve(question(), giveUp.signal);
  const patient = source.resolve(question());
  await expect.poll(() => transport.calls.length).toBe(1);
  giveUp.abort(new Error("enough"));
  await expect(impatient).rejects.toThrow("enough");
  finish([resolution()]);
  expect((await patient).source).toBe("resolver");
  await expect(source.resolve(question(), AbortSignal.abort(new Error("already")))).rejects.toThrow("already");
});
