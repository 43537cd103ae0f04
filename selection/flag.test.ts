import { expect, test } from "vitest";
import { evaluateFlag, parseFlagKey, withTargetingKey } from "./flag.ts";
import type { Resolution } from "./resolution.ts";

const resolution: Resolution = {
  objective: "default/ranking",
  routingKey: "default/ranking/ranker@8",
  headers: { "x-routing-key": "default/ranking/ranker@8" },
  config: { model: "ranker", version: "8", variant: "canary", rule: "split", parameters: { beam: 4, on: false } },
  revision: 42,
  ttlMs: 1000,
  fallbackKeys: [],
  reason: "rule",
};
const fieldOf = (key: string) => evaluateFlag(resolution, parseFlagKey(key).field)?.value;

test("an objective is a flag, and so is each field of its answer", () => {
  expect(parseFlagKey("ranking.parameters.a.b")).toEqual({ objective: "ranking", field: "parameters.a.b" });
  expect(fieldOf("ranking")).toBe(resolution);
  expect(fieldOf("ranking.routingKey")).toBe("default/ranking/ranker@8");
  expect(["model", "version", "variant", "rule"].map((field) => fieldOf(`ranking.${field}`))).toEqual([
    "ranker",
    "8",
    "canary",
    "split",
  ]);
  expect(fieldOf("ranking.parameters")).toEqual({ beam: 4, on: false });
  expect([fieldOf("ranking.parameters.beam"), fieldOf("ranking.parameters.on")]).toEqual([4, false]);
});

test.each(["ranking.other", "ranking.parameters.other", "ranking.parameters.constructor", "ranking.", "ranking.Model"])(
  "%s is no flag",
  (key) => {
    const { field } = parseFlagKey(key);
    expect(field === "" ? null : evaluateFlag(resolution, field)).toBeNull();
  },
);

test("the reason says how it was decided", () => {
  const { config } = resolution;
  const reasonOf = (more: Partial<Resolution>) => evaluateFlag({ ...resolution, ...more }, "")?.reason;
  expect(reasonOf({})).toBe("SPLIT");
  expect(reasonOf({ config: { ...config, variant: null } })).toBe("TARGETING_MATCH");
  expect(reasonOf({ config: { ...config, variant: null, rule: "default" }, reason: "default" })).toBe("DEFAULT");
});

test("where nothing was split, the variant is the model version; a field of it is absent", () => {
  const unsplit = { ...resolution, config: { ...resolution.config, variant: null } };
  expect(evaluateFlag(unsplit, "")?.variant).toBe("ranker@8");
  expect(evaluateFlag(unsplit, "variant")).toBeNull();
});

test("the metadata are flat, and tell when the unit was missing", () => {
  expect(evaluateFlag({ ...resolution, reason: "unit_missing" }, "")?.metadata).toEqual({
    objective: "default/ranking",
    routingKey: "default/ranking/ranker@8",
    model: "ranker",
    version: "8",
    rule: "split",
    revision: 42,
    unitMissing: true,
  });
});

test("the targeting key is the unit of an objective whose unit is not given", () => {
  expect(withTargetingKey({ targetingKey: "u1" }, "userId")).toEqual({ targetingKey: "u1", userId: "u1" });
  expect(withTargetingKey({ targetingKey: "u1", userId: "u2" }, "userId").userId).toBe("u2");
  expect(withTargetingKey({ device: "tv" }, "userId")).toEqual({ device: "tv" });
  expect(withTargetingKey({ targetingKey: "u1" }, "targetingKey")).toEqual({ targetingKey: "u1" });
});
