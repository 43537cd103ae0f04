import { expect, test } from "vitest";
import { formatRoutingKey, parseRoutingKey } from "./routing-key.ts";

const parts = { namespace: "default", objective: "homepage-ranking", model: "ranker", version: "2026-11-21.3" };

test("a routing key names namespace, objective, model and version, and is read back", () => {
  expect(formatRoutingKey(parts)).toBe("default/homepage-ranking/ranker@2026-11-21.3");
  expect(parseRoutingKey(formatRoutingKey(parts))).toEqual(parts);
});

test.each(["", "a/b", "a/b/c", "a/b/c@", "/b/c@1", "a//c@1", "a/b/@1", "a/b/c@1@2", "a/b/c/d@1", "a/b/c@1/"])(
  "%j is no routing key",
  (text) => {
    expect(parseRoutingKey(text)).toBeNull();
  },
);
