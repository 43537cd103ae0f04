import { describe, expect, test } from "vitest";
import type { ProcessStatus } from "../../rollout/process-status.ts";
import { revisionState } from "../../rollout/revision-state.ts";
import { formatStatus, laggardsFirst } from "./status.ts";

const at = "2026-11-21T08:00:00.000Z";
const process = (over: Partial<ProcessStatus> = {}): ProcessStatus => ({
  process: "resolver",
  id: "host-1",
  startedAt: at,
  version: "0.1.0",
  revision: 7,
  connectedToStore: true,
  rejections: [],
  ...over,
});
const text = (processes: ProcessStatus[], revision = 7) =>
  formatStatus(
    { revision, newest: revisionState(processes, { revision }), processes, overrides: [], unreachable: [] },
    false,
  );

describe("the status", () => {
  test("marks who is behind the newest revision, and since when a process hears nothing", () => {
    const stale = process({ id: "host-2", revision: 6, connectedToStore: false, staleSince: at });
    expect(text([process(), stale])).toMatch(/resolver +host-1 +- +7 +- +0 +connected/);
    expect(text([process(), stale])).toMatch(
      new RegExp(`resolver +host-2 +- +6 \\(behind\\) +- +0 +stale since ${at}`),
    );
  });

  test("shows what an Envoy refuses on one line, without what would steer a terminal", () => {
    const nacks = [{ typeUrl: "t", resourceNames: ["a", "b"], message: "bad\n\u001b[2Jport", at }];
    const envoys = [
      {
        ...{ nodeId: "envoy-1", cluster: "edge", group: "envoys namespaces=a", address: "", connectedSince: at },
        ...{ acknowledgedRevision: 5, nacks },
      },
    ];
    const shown = text([process({ process: "xds-server", envoys })]);
    expect(shown).toMatch(/envoy-1 +edge +envoys namespaces=a +host-1 +5 \(behind\) +a, b: bad \[2Jport$/m);
  });

  test("puts who has the oldest revision in use first", () => {
    const at = (id: string, watermark: number) => process({ id, rollout: { watermark, held: [] } });
    const order = laggardsFirst([at("a", 7), at("b", 5), process({ id: "c" }), at("d", 6)]);
    expect(order.map(({ id }) => id)).toEqual(["c", "b", "d", "a"]);
  });

  test("shows what is held back, why and since when, apart from what is rejected", () => {
    const held = [
      { objective: "default/a", revision: 7, activeRevision: 5, reason: "shard b is not ready", since: at },
    ];
    const rejections = [
      {
        key: "objective.default.b",
        revision: 6,
        problems: [{ document: "Objective default/b", path: "", message: "is held by Pin default/b" }],
        at,
        heldBy: "pin.default.b",
      },
    ];
    const shown = text([process({ rollout: { watermark: 7, held }, rejections })]);
    expect(shown).not.toContain("Rejected");
    expect(shown).toMatch(/default\/a +7 +5 +shard b is not ready +2026\S+ +resolver host-1\n/);
    expect(shown).toMatch(/objective\.default\.b +6 +- +is held by Pin default\/b/);
  });

  test("says so when nobody is there", () => {
    expect(text([])).toContain("No resolver and no xds-server is alive.\n\nNo Envoy is connected.");
  });
});
