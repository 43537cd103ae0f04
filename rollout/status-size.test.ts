import { expect, test } from "vitest";
import type { ProcessStatus } from "./process-status.ts";
import { processStatusSchema } from "./process-status.ts";
import { withinLimits } from "./status-size.ts";

const at = "2026-11-21T08:00:00.000Z";
const status: ProcessStatus = {
  process: "xds-server",
  id: "host-1",
  startedAt: at,
  version: "0.1.0",
  revision: 7,
  connectedToStore: true,
  rejections: [{ key: "shard.default.a", revision: 7, problems: [{ document: "a", path: "", message: "bad" }], at }],
  envoys: [
    { nodeId: "n", cluster: "c", address: "127.0.0.1:1", connectedSince: at, acknowledgedRevision: 7, nacks: [] },
  ],
};

test("the names of refused resources stay as they are", () => {
  const nack = { typeUrl: "t", resourceNames: ["default/a", "default/bcd"], message: "no", at };
  const envoys = (status.envoys ?? []).map((envoy) => ({ ...envoy, nacks: [nack] }));
  expect(withinLimits({ ...status, envoys }).envoys?.[0]?.nacks).toEqual([nack]);
});

test("an ordinary status stays as it is", () => {
  expect(withinLimits(status)).toEqual(status);
});

test("a status with far too much to tell stays below 512 KiB, and tells the newest rejections", () => {
  const long = "x".repeat(100_000);
  const rejections = Array.from({ length: 1000 }, (_, n) => ({
    key: `shard.default.s-${n}`,
    revision: n,
    problems: Array.from({ length: 100 }, () => ({ document: "d", path: "p", message: long })),
    at,
  }));
  const small = withinLimits({ ...status, rejections });
  expect(JSON.stringify(small).length).toBeLessThan(512 * 1024);
  expect(small.rejections[0]?.revision).toBe(999);
  expect(processStatusSchema.safeParse(small).success).toBe(true);
});

test("what clients say of themselves does not make a status large", () => {
  const long = "x".repeat(100_000);
  const envoys = Array.from({ length: 1000 }, () => ({
    ...{ nodeId: long, cluster: long, group: "envoys", identity: long, address: "127.0.0.1:1" },
    ...{ connectedSince: at, acknowledgedRevision: 7, nacks: [] },
  }));
  expect(JSON.stringify(withinLimits({ ...status, envoys })).length).toBeLessThan(512 * 1024);
});
