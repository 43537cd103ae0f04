import { expect, test } from "vitest";
import { countedServers, hasCaughtUpOn } from "./live-processes.ts";
import { sampleEnvoy, sampleStatus } from "./testing.ts";

const ending = sampleStatus("xds-server", "ending", 7, { envoys: [sampleEnvoy("e1", 7)], leaving: true });
const other = (more: Parameters<typeof sampleEnvoy>[2]) =>
  sampleStatus("xds-server", "other", 7, { envoys: [sampleEnvoy("e1", 7, more)] });
const idsOf = (...statuses: Parameters<typeof countedServers>[0]) => countedServers(statuses).map(({ id }) => id);

test("an xds-server that ends counts until its Envoys have caught up on another one", () => {
  expect(idsOf(ending)).toEqual(["ending"]);
  expect(idsOf(ending, other({ counts: false }))).toEqual(["ending", "other"]);
  expect(idsOf(ending, other({ counts: true }))).toEqual(["other"]);
});

test("an Envoy that left another xds-server before is not one that went there", () => {
  expect(idsOf(ending, other({ counts: true, goneSince: "2026-11-21T08:00:00.000Z" }))).toEqual(["ending", "other"]);
});

test("an Envoy has caught up on an xds-server that counts it, is connected to it and waits for nothing", () => {
  const isThere = (status: Parameters<typeof hasCaughtUpOn>[0]) => hasCaughtUpOn(status, "e1");
  const there = other({ counts: true });
  expect(isThere(there)).toBe(true);
  expect(hasCaughtUpOn(there, "e2")).toBe(false);
  expect(isThere(other({ counts: false }))).toBe(false);
  expect(isThere(other({ counts: true, goneSince: "2026-11-21T08:00:00.000Z" }))).toBe(false);
  expect(isThere({ ...there, revision: 8 })).toBe(false);
  expect(isThere({ ...there, leaving: true })).toBe(false);
});
