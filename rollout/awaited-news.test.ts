import { expect, test } from "vitest";
import { isAwaited } from "./awaited-news.ts";
import { sampleEnvoy, sampleHeld, sampleStatus } from "./testing.ts";

const at = (watermark: number, more: Parameters<typeof sampleStatus>[3] = {}) =>
  sampleStatus("xds-server", "x", watermark, more);
const news = (before: ReturnType<typeof at>, after: ReturnType<typeof at>) => isAwaited(before, after);

test("the first status is awaited, and the same once more is not", () => {
  expect(isAwaited(null, at(5))).toBe(true);
  expect(news(at(5), at(5))).toBe(false);
  expect(news(at(5, { rollout: undefined }), at(5))).toBe(true);
});

test("a revision in use is awaited, and one that is held back is not", () => {
  expect(news(at(5), at(7))).toBe(true);
  expect(news(at(5), at(7, { held: [sampleHeld("default/a", 5, 7)] }))).toBe(false);
  // Some revision before the one held back may be in use by now, or one after it.
  expect(news(at(5), at(7, { held: [sampleHeld("default/a", 6, 7)] }))).toBe(true);
  expect(news(at(5), at(8, { held: [sampleHeld("default/a", 5, 7)] }))).toBe(true);
});

test("the end of a hold is awaited, also for another one; its beginning and its reason are not", () => {
  const held = sampleHeld("default/a", 5, 7);
  expect(news(at(7, { held: [held] }), at(7))).toBe(true);
  expect(news(at(7, { held: [held] }), at(7, { held: [{ ...held, activeRevision: 7, revision: 8 }] }))).toBe(true);
  expect(news(at(7), at(7, { held: [held] }))).toBe(false);
  expect(news(at(7, { held: [held] }), at(7, { held: [{ ...held, reason: "another" }] }))).toBe(false);
});

test("what is refused is awaited, by the process or by an Envoy", () => {
  const rejections = [{ key: "shard.default.a", revision: 6, problems: [], at: "2026" }];
  expect(news(at(5), at(5, { rejections }))).toBe(true);
  const nacks = [{ typeUrl: "t", resourceNames: ["default/a"], message: "no", at: "2026" }];
  const withEnvoy = (more: Parameters<typeof sampleEnvoy>[2]) => at(5, { envoys: [sampleEnvoy("e1", 5, more)] });
  expect(news(withEnvoy({}), withEnvoy({ nacks }))).toBe(true);
});

test("an Envoy that comes, goes or counts from now on is awaited, and one that is ahead of the others is not", () => {
  const with2 = (one: number, two: number, more: Parameters<typeof sampleEnvoy>[2] = {}) =>
    at(5, { envoys: [sampleEnvoy("e1", one, more), sampleEnvoy("e2", two)] });
  expect(news(with2(5, 5), at(5, { envoys: [sampleEnvoy("e1", 5)] }))).toBe(true);
  expect(news(with2(5, 5), with2(5, 5, { goneSince: "2026" }))).toBe(true);
  expect(news(with2(5, 5, { counts: false }), with2(5, 5, { counts: true }))).toBe(true);
  expect(news(with2(5, 5), with2(6, 5))).toBe(false);
  expect(news(with2(6, 5), with2(6, 6))).toBe(true);
});

test("a process that ends is awaited", () => {
  expect(news(at(5), at(5, { leaving: true }))).toBe(true);
});
