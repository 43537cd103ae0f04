import { expect, test } from "vitest";
import { resolutionOf } from "../selection/resolution.ts";
import { resolutionJson, resolutionSchema } from "./resolution.ts";
import { decision } from "./testing.ts";

test("an answer holds the routing key, the headers to add and the configuration for the model", () => {
  expect(resolutionOf(decision)).toEqual({
    objective: "default/ranking",
    routingKey: "default/ranking/ranker@7",
    headers: {
      "x-routing-key": "default/ranking/ranker@7",
      "x-signalbox-decision": expect.stringContaining("model=ranker@7"),
    },
    config: { model: "ranker", version: "7", variant: "stable", rule: "canary", parameters: { threshold: 0.4 } },
    revision: 42,
    ttlMs: 10_000,
    fallbackKeys: [],
    reason: "rule",
  });
});

test("the JSON is that of the object, and as the schema says", () => {
  for (const labels of [{}, { trafficClass: "test" as const, client: "web" }]) {
    const parsed = JSON.parse(resolutionJson(decision, labels));
    expect(parsed).toEqual(resolutionOf(decision, labels));
    expect(resolutionSchema.strict().safeParse(parsed).success).toBe(true);
  }
});

test("the JSON has as many bytes as characters, whatever the parameters say", () => {
  const parameters = { greeting: "grüß 你好 😀 \ud800" };
  const json = resolutionJson({ ...decision, parameters });
  expect(Buffer.byteLength(json)).toBe(json.length);
  expect(JSON.parse(json).config.parameters).toEqual(parameters);
});

test("traffic class and client of one request are headers of its answer, and of no other's", () => {
  const labelled = resolutionOf(decision, { trafficClass: "synthetic", client: "web" });
  expect(labelled.headers).toMatchObject({ "x-signalbox-traffic-class": "synthetic", "x-signalbox-client": "web" });
  expect(Object.keys(resolutionOf(decision).headers)).toEqual(["x-routing-key", "x-signalbox-decision"]);
  expect(resolutionOf(decision, { client: "web" }).headers).not.toHaveProperty("x-signalbox-traffic-class");
});
