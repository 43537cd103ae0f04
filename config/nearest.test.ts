import { expect, test } from "vitest";
import { listed, nearest, suggestion } from "./nearest.ts";

test("the nearest word is found over typing errors and case", () => {
  expect(nearest("retires", ["retries", "timeoutMs"])).toBe("retries");
  expect(nearest("APIVERSION", ["apiVersion", "kind"])).toBe("apiVersion");
  expect(nearest("Gpu-A", ["gpu-a", "gpu-b"])).toBe("gpu-a");
});

test("nothing is near to a word that is quite another, or when there is nothing", () => {
  expect(nearest("completely-else", ["ranker"])).toBeNull();
  expect(nearest("x", ["in", "eq"])).toBeNull();
  expect(nearest("x", [])).toBeNull();
});

test("a suggestion falls back to what there is", () => {
  expect(suggestion("rankr", ["ranker"])).toBe('; did you mean "ranker"?');
  expect(suggestion("qqq", ["ranker", "embedder"])).toBe("; known: ranker, embedder");
  expect(suggestion("qqq", [])).toBe("");
});

test("long lists are cut and counted", () => {
  expect(listed(Array.from({ length: 23 }, (_, i) => `n${i}`))).toMatch(/n19 and 3 more$/);
});
