import fc from "fast-check";
import { expect, test } from "vitest";
import type { Decision } from "./decision.ts";
import { formatDecisionHeader } from "./decision-header.ts";

const decision: Decision = {
  objective: "default/ranking",
  rule: "canary",
  variant: "stable",
  model: "ranker",
  version: "7",
  parameters: {},
  routingKey: "default/ranking/ranker@7",
  revision: 42,
  shadows: [],
  ttlMs: 10_000,
  fallbackKeys: [],
  reason: "rule",
};

test("a decision reads as fields in a fixed order", () => {
  expect(formatDecisionHeader(decision)).toBe(
    "objective=default/ranking;rule=canary;variant=stable;model=ranker@7;revision=42;reason=rule",
  );
});

test("the variant is left out where nothing was split", () => {
  const header = formatDecisionHeader({ ...decision, rule: "default", variant: null, reason: "default" });
  expect(header).toBe("objective=default/ranking;rule=default;model=ranker@7;revision=42;reason=default");
});

test("an override is visible", () => {
  const header = formatDecisionHeader({ ...decision, rule: "override", variant: null, reason: "override" });
  expect(header).toMatch(/;reason=override;override=true$/);
});

test("any rule and variant come back from the header, whatever they hold", () => {
  const text = fc.string({ unit: "binary", minLength: 1 });
  fc.assert(
    fc.property(text, text, (rule, variant) => {
      const header = formatDecisionHeader({ ...decision, rule, variant });
      expect(header).toMatch(/^[\x21-\x7e]+$/);
      const fields = Object.fromEntries(header.split(";").map((field) => field.split("=")));
      expect(decodeURIComponent(fields.rule)).toBe(rule.toWellFormed());
      expect(decodeURIComponent(fields.variant)).toBe(variant.toWellFormed());
    }),
  );
});
