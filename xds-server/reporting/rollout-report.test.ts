import { expect, test } from "vitest";
import type { KnownEnvoy } from "./envoy-ledger.ts";
import { type ReportInput, rolloutReport } from "./rollout-report.ts";

const envoy = (nodeId: string, settled: number, more: Partial<KnownEnvoy> = {}): KnownEnvoy => ({
  ...{ nodeId, settled, counts: true, awaited: new Set<string>() },
  ...more,
});

function report(input: Partial<ReportInput>) {
  const forms = new Map([["default/a", { revision: 7, previousRevision: 5, commit: 7 }]]);
  const nothing = { envoys: [], held: [], released: new Set<string>(), refused: [] };
  return rolloutReport({ latest: 8, forms, now: () => new Date(0), ...nothing, ...input });
}

test("the watermark is the revision of the commit that all Envoys have that count", () => {
  expect(report({ envoys: [envoy("e1", 7), envoy("e2", 6.5), envoy("e3", 0, { counts: false })] })).toEqual({
    watermark: 6,
    held: [],
  });
});

test("without Envoys the watermark is the newest revision", () => {
  expect(report({})).toEqual({ watermark: 8, held: [] });
});

test("what an Envoy refuses is held back alone, with its reason", () => {
  const refused = [{ nodeId: "e1", objective: "default/a", message: "bad", at: "2026" }];
  expect(report({ envoys: [envoy("e1", 8)], refused })).toEqual({
    watermark: 8,
    held: [
      { objective: "default/a", revision: 7, activeRevision: 5, reason: "Envoy e1 refuses it: bad", since: "2026" },
    ],
  });
  expect(report({ envoys: [envoy("e1", 8, { counts: false })], refused }).held).toEqual([]);
});

test("an objective is held back until its first routes, and those after a hold, have arrived", () => {
  const awaiting = envoy("e1", 8, { awaited: new Set(["default/a"]) });
  expect(report({ envoys: [awaiting] }).held).toMatchObject([{ objective: "default/a" }]);
  const released = new Set(["default/a"]);
  expect(report({ envoys: [envoy("e1", 6)], released }).held).toMatchObject([{ objective: "default/a" }]);
  expect(report({ envoys: [envoy("e1", 7)], released }).held).toEqual([]);
});
