import { expect, test } from "vitest";
import { compilePattern } from "./pattern.ts";
import { compileVersionRange } from "./version-range.ts";

const matches = (expression: string, text: string) => {
  const pattern = compilePattern(expression);
  if (!pattern.ok) throw new Error(pattern.reason);
  return pattern.test(text);
};

test("a pattern is found anywhere in the text unless it is anchored", () => {
  expect(matches("ab", "xaby")).toBe(true);
  expect(matches("^ab$", "xaby")).toBe(false);
  expect(matches("(?i)Ü", "grün und ü")).toBe(true);
});

test("a pattern that would send a backtracking engine round for years answers", () => {
  expect(matches("^(a+)+$", `${"a".repeat(50_000)}!`)).toBe(false);
});

test("what RE2 does not have is refused with the reason", () => {
  expect(compilePattern("a(?!b)")).toEqual({ ok: false, reason: expect.stringContaining("(?!") });
});

const inRange = (range: string, version: string) => {
  const compiled = compileVersionRange(range);
  if (!compiled.ok) throw new Error(compiled.reason);
  return compiled.test(version);
};

test("a pre-release is inside the range that its place in the order says", () => {
  expect(inRange(">=2.1.0 <3", "2.1.0")).toBe(true);
  expect(inRange(">=2.1.0 <3", "2.5.0-beta.1")).toBe(true);
  expect(inRange(">=2.1.0", "2.1.0-beta.1")).toBe(false);
  expect(inRange("<3.0.0", "3.0.0")).toBe(false);
});

test("a text that is no version is in no range", () => {
  expect(inRange("*", "seven")).toBe(false);
  expect(inRange("*", "")).toBe(false);
});
