import { create, fromBinary, toBinary, toJson } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import {
  ExplainResponseSchema,
  ResolveRequestSchema,
  ResolveResponseSchema,
  TrafficClass,
} from "../proto/gen/signalbox/resolver/v1/resolver_pb.js";
import { compileSelection } from "../selection/selector.ts";
import { SignalboxError } from "../service/errors.ts";
import { explainObjective } from "./answer.ts";
import { fromMessage, toExplainResponse, toResolveResponse } from "./grpc-messages.ts";
import { parseRequest } from "./request.ts";
import { decision, liveDocuments } from "./testing.ts";

const request = parseRequest({ objective: "ranking" });

test("a message says what the same request over HTTP says", () => {
  const message = create(ResolveRequestSchema, {
    namespace: "team-b",
    objectives: ["a", "b"],
    context: { userId: "1", n: 1.5, on: true, tags: ["a", 2], gone: null },
    override: { objective: "a", version: "8" },
    trafficClass: TrafficClass.SYNTHETIC,
    client: "web",
  });
  const overTheWire = fromBinary(ResolveRequestSchema, toBinary(ResolveRequestSchema, message));
  expect(parseRequest(fromMessage(overTheWire))).toEqual(
    parseRequest({
      namespace: "team-b",
      objectives: ["a", "b"],
      context: { userId: "1", n: 1.5, on: true, tags: ["a", 2], gone: null },
      override: { objective: "a", version: "8" },
      trafficClass: "synthetic",
      client: "web",
    }),
  );
});

test("empty fields of a message are absent", () => {
  expect(parseRequest(fromMessage(create(ResolveRequestSchema, { objective: "a" })))).toEqual(
    parseRequest({ objective: "a" }),
  );
});

test("a traffic class that this version does not know is refused", () => {
  const message = create(ResolveRequestSchema, { objective: "a", trafficClass: 99 as TrafficClass });
  expect(() => parseRequest(fromMessage(message))).toThrow(/trafficClass/);
});

test("keys that mean something to JavaScript pollute nothing", () => {
  const context = JSON.parse('{"__proto__":{"admin":true},"userId":"1"}');
  const message = create(ResolveRequestSchema, { objective: "a", context });
  const overTheWire = fromBinary(ResolveRequestSchema, toBinary(ResolveRequestSchema, message));
  try {
    parseRequest(fromMessage(overTheWire));
  } catch (error) {
    expect(error).toMatchObject({ code: "invalid_request" });
  }
  expect(({} as Record<string, unknown>).admin).toBeUndefined();
});

test("outcomes become results, errors among them", () => {
  const error = new SignalboxError("unknown_objective", "There is no objective default/other");
  const response = toResolveResponse(
    [
      { objective: "default/ranking", value: decision },
      { objective: "default/other", error },
    ],
    request,
  );
  expect(toJson(ResolveResponseSchema, response)).toEqual({
    results: [
      {
        objective: "default/ranking",
        resolution: {
          routingKey: "default/ranking/ranker@7",
          headers: { "x-routing-key": "default/ranking/ranker@7", "x-signalbox-decision": expect.any(String) },
          config: { model: "ranker", version: "7", variant: "stable", rule: "canary", parameters: { threshold: 0.4 } },
          revision: "42",
          ttlMs: 10_000,
          reason: "rule",
        },
      },
      {
        objective: "default/other",
        error: { code: "unknown_objective", message: "There is no objective default/other" },
      },
    ],
  });
});

test("an explanation tells unit, buckets and scores, and no score of an arm that never wins", () => {
  const compiled = compileSelection(liveDocuments).objectives.get("default/ranking");
  if (!compiled) throw new Error("not compiled");
  const value = explainObjective(compiled, { userId: "1" });
  const response = toExplainResponse([{ objective: compiled.name, value }], request);
  const json = JSON.stringify(toJson(ExplainResponseSchema, response));
  const { bucket } = value.rules[1]?.split ?? {};
  expect(json).toContain(`"bucket":${bucket}`);
  const { results } = fromBinary(ExplainResponseSchema, toBinary(ExplainResponseSchema, response));
  const outcome = results[0]?.outcome;
  if (outcome?.case !== "explanation") throw new Error("no explanation");
  expect(outcome.value.unit).toBe("1");
  expect(outcome.value.oneCall).toMatchObject({ engine: "embedded", why: [] });
  expect(outcome.value.oneCall?.attributes.map(({ name, header }) => [name, header])).toEqual([
    ["userId", "x-signalbox-context-userid"],
    ["device", "x-signalbox-context-device"],
  ]);
  const arms = outcome.value.rules[1]?.split?.arms ?? [];
  expect(arms.map(({ score }) => score === undefined)).toEqual([true, false]);
});
