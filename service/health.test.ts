import { expect, test } from "vitest";
import { createHealth } from "./health.ts";

test("a process without checks is ready", () => {
  expect(createHealth().readiness()).toEqual({ status: "ready", reasons: [], checks: {} });
});

test("a process is ready when all checks pass, and shows their detail", () => {
  const health = createHealth();
  health.addCheck("documents", () => ({ ok: true, detail: { revision: 3 } }));
  health.addCheck("process", () => ({ ok: true }));
  expect(health.readiness()).toEqual({
    status: "ready",
    reasons: [],
    checks: { documents: { ok: true, detail: { revision: 3 } }, process: { ok: true } },
  });
});

test("every check that fails gives a reason with its name", () => {
  const health = createHealth();
  health.addCheck("documents", () => ({ ok: false, reason: "none yet" }));
  health.addCheck("process", () => ({ ok: false, reason: "ending" }));
  expect(health.readiness()).toMatchObject({
    status: "not_ready",
    reasons: ["documents: none yet", "process: ending"],
  });
});

test("a check that throws counts as failed", () => {
  const health = createHealth();
  health.addCheck("odd", () => {
    throw new Error("boom");
  });
  expect(health.readiness().reasons).toEqual(["odd: the check failed: boom"]);
});
