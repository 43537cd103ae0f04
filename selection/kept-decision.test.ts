import { expect, test } from "vitest";
import type { Decision } from "./decision.ts";
import { KeptDecision } from "./kept-decision.ts";

const decision: Decision = {
  objective: "default/ranking",
  rule: "canary",
  variant: null,
  model: "ranker",
  version: "7",
  parameters: {},
  routingKey: "default/ranking/ranker@7",
  revision: 1,
  shadows: [],
  ttlMs: 0,
  fallbackKeys: [],
  reason: "rule",
};

test("a kept decision has the fields of the decision and nothing else, for JSON and for copies", () => {
  const kept = new KeptDecision(decision);
  kept.count();
  kept.text(() => "text");
  expect({ ...kept }).toStrictEqual(decision);
  expect(JSON.parse(JSON.stringify(kept))).toStrictEqual(decision);
});

test("its text is written once, of itself", () => {
  const kept = new KeptDecision(decision);
  const written: Decision[] = [];
  const write = (given: Decision) => `${written.push(given)}`;
  expect([kept.text(write), kept.text(write)]).toEqual(["1", "1"]);
  expect(written).toEqual([kept]);
});

test("it is counted from 0 again once the count is taken", () => {
  const kept = new KeptDecision(decision);
  expect([kept.count(), kept.count(), kept.takeCount(), kept.takeCount(), kept.count()]).toEqual([1, 2, 2, 0, 1]);
});
