import { Buffer } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { expect, test } from "vitest";
import { compileSelection } from "../selection/selector.ts";
import type { PlainHeaders } from "../service/fast-lane-head.ts";
import { createLogger } from "../service/logger.ts";
import { createMetrics } from "../service/metrics.ts";
import type { EndpointDeps } from "./endpoint.ts";
import { extAuthz } from "./ext-authz.ts";
import { fastOneCall } from "./fast-one-call.ts";
import { createObservation } from "./observation.ts";
import { liveDocuments } from "./testing.ts";

function bothWays(options: Partial<Pick<EndpointDeps, "tracing">> = {}) {
  const selection = compileSelection(liveDocuments);
  const metrics = createMetrics({ processMetrics: false });
  const deps = {
    selection: () => selection,
    cells: null,
    authorise: () => ({ allowed: false as const, reason: "no token" }),
    onOverride: () => undefined,
    observation: createObservation({ metrics, logger: createLogger({ level: "fatal", name: "test" }) }),
    maxRequestBytes: 1,
    tracing: null,
    ...options,
  };
  const fast = (headers: PlainHeaders) =>
    fastOneCall(deps).answer({ headers, body: Buffer.alloc(0), socket: {} as Socket })?.fields ?? null;
  const ordinary = async (headers: PlainHeaders) => {
    let fields = "";
    const writeHead = (_status: number, lines: readonly string[]) => {
      for (let at = 0; at < lines.length; at += 2) fields += `${lines[at]}: ${lines[at + 1]}\r\n`;
    };
    const response = { writeHead, end: () => undefined } as unknown as ServerResponse;
    await extAuthz(deps)({ headers, socket: {} } as unknown as IncomingMessage, response);
    return fields;
  };
  return { fast, ordinary, metrics };
}

const objective = { "x-signalbox-objective": "default/ranking" };

test("the fast way answers Envoy as the ordinary one does, and counts alike", async () => {
  const { fast, ordinary, metrics } = bothWays();
  for (const more of [{}, { "x-signalbox-context-userid": "1" }, { "x-signalbox-context-device": "kiosk" }]) {
    const fields = fast({ ...objective, ...more, authorization: "Bearer of the model" });
    expect(fields).toContain("x-routing-key: default/ranking/ranker@");
    expect(fields).toBe(await ordinary({ ...objective, ...more }));
  }
  const { text } = await metrics.expose();
  expect(text).toMatch(/request_duration_seconds_count\{transport="http",method="one_call",code="ok".*\} 6/);
});

test("the fast way takes POST below its path only", () => {
  const { takes } = fastOneCall({} as Parameters<typeof fastOneCall>[0]);
  expect(["POST /v1/one-call/infer", "POST /v1/one-call/"].map(takes)).toEqual([true, true]);
  expect(["GET /v1/one-call/infer", "POST /v1/one-callx", "POST /v1/resolve"].map(takes)).toEqual([
    false,
    false,
    false,
  ]);
});

test("what fails, wants an override or is traced is left to the ordinary way, uncounted", async () => {
  const { fast, metrics } = bothWays();
  expect(fast({ ...objective, "x-signalbox-override": "8" })).toBeNull();
  expect(fast({ ...objective, "x-signalbox-context-userid": "%ff" })).toBeNull();
  expect(fast({ "x-signalbox-objective": "default/other" })).toBeNull();
  expect(fast({})).toBeNull();
  const traced = bothWays({ tracing: {} as NonNullable<EndpointDeps["tracing"]> });
  expect(traced.fast(objective)).toBeNull();
  const { text } = await metrics.expose();
  expect(text).not.toMatch(/^signalbox_resolver_(errors|decisions)_total\{/m);
});
