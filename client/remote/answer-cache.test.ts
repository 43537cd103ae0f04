import { expect, test } from "vitest";
import { question, resolution } from "../testing.ts";
import { createAnswerCache, questionKey } from "./answer-cache.ts";

test("the least recently used answer leaves first", () => {
  const cache = createAnswerCache(2);
  const answer = { resolution: resolution(), receivedAtMs: 0 };
  cache.set("first", answer);
  cache.set("second", answer);
  cache.get("first");
  cache.set("third", answer);
  expect(["first", "second", "third"].filter((key) => cache.get(key))).toEqual(["first", "third"]);
});

test("questions have the same key only when one answer serves both", () => {
  const long = "x".repeat(10_000);
  const questions = [
    question("1"),
    question("2"),
    question("1", { namespace: "team" }),
    question("1", { objective: "search" }),
    question("1", { labels: { trafficClass: "test" } }),
    question(long),
    question(`${long}x`),
  ];
  const keys = questions.map(questionKey);
  expect(new Set(keys).size).toBe(questions.length);
  expect(Math.max(...keys.map(({ length }) => length))).toBeLessThan(1000);
});
