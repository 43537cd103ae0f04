import { expect, test } from "vitest";
import { countedServers } from "./live-processes.ts";
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
