import { OFREPProvider } from "@openfeature/ofrep-provider";
import { OFREPWebProvider } from "@openfeature/ofrep-web-provider";
import { OpenFeature as ServerFeature } from "@openfeature/server-sdk";
import { OpenFeature as WebFeature } from "@openfeature/web-sdk";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { eventually } from "./support/processes.ts";
import { publish, type ResolverWorld, rankingObjective, startResolverWorld } from "./support/resolver.ts";
import { postJson } from "./support/resolver-client.ts";

let world: ResolverWorld;

beforeAll(async () => {
  world = await startResolverWorld();
});

afterAll(() => world.stop());

const single = (key: string, body: unknown, headers?: Record<string, string>) =>
  postJson(`${world.resolver.url}/ofrep/v1/evaluate/flags/${key}`, body, headers);
const bulk = (body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${world.resolver.url}/ofrep/v1/evaluate/flags`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
const resolve = async (context: object) =>
  (await postJson(`${world.resolver.url}/v1/resolve`, { objective: "ranking", context })).body;

describe("the OFREP provider of the OpenFeature server SDK", () => {
  const domain = "ofrep-server";
  const client = () => ServerFeature.getClient(domain);

  beforeAll(async () => {
    const headers = [["x-signalbox-client", "web"]] as [string, string][];
    await ServerFeature.setProviderAndWait(domain, new OFREPProvider({ baseUrl: world.resolver.url, headers }));
  });

  test("gets the whole answer as an object, as POST /v1/resolve gives it", async () => {
    const details = await client().getObjectDetails("ranking", {}, { targetingKey: "u1", device: "kiosk" });
    const resolved = await resolve({ userId: "u1", device: "kiosk" });
    expect(details.value).toEqual({
      ...resolved,
      headers: { ...(resolved.headers as object), "x-signalbox-client": "web" },
    });
    expect(details).toMatchObject({
      reason: "TARGETING_MATCH",
      variant: "ranker@8",
      flagMetadata: { model: "ranker", version: "8", rule: "kiosks", revision: resolved.revision, unitMissing: false },
    });
  });

  test("gets fields of it by their type", async () => {
    const context = { targetingKey: "u1", device: "kiosk" };
    expect(await client().getStringValue("ranking.routingKey", "", context)).toBe("default/ranking/ranker@8");
    expect(await client().getStringValue("ranking.version", "", context)).toBe("8");
    expect(await client().getNumberValue("ranking.parameters.beam", 0, context)).toBe(4);
    expect(await client().getObjectValue("ranking.parameters", {}, context)).toEqual({ beam: 4 });
    const mismatch = await client().getNumberDetails("ranking.version", 3, context);
    expect(mismatch).toMatchObject({ value: 3, errorCode: "TYPE_MISMATCH" });
  });

  test("splits by the targeting key as by the objective's own unit", async () => {
    const arms = new Set<string>();
    for (let n = 0; n < 30; n++) {
      const details = await client().getStringDetails("ranking.variant", "", { targetingKey: `user-${n}` });
      const { config } = (await resolve({ userId: `user-${n}` })) as { config: { variant: string } };
      expect(details).toMatchObject({ value: config.variant, variant: config.variant, reason: "SPLIT" });
      arms.add(details.value);
    }
    expect(arms).toEqual(new Set(["stable", "canary"]));
  });

  test("says that the unit was missing, and gives the default", async () => {
    const details = await client().getObjectDetails("ranking", {}, {});
    expect(details).toMatchObject({ reason: "DEFAULT", flagMetadata: { unitMissing: true, version: "7" } });
  });

  test.each([
    ["nothing", "FLAG_NOT_FOUND", /no objective default\/nothing/],
    ["ranking.colour", "FLAG_NOT_FOUND", /fields are routingKey/],
    ["Not%20A%20Name", "FLAG_NOT_FOUND", /keys are <objective>/],
  ])("gets the default of the code for %s, which is no flag", async (key, errorCode, message) => {
    const details = await client().getStringDetails(key, "mine", { targetingKey: "u1" });
    expect(details).toMatchObject({ value: "mine", reason: "ERROR", errorCode });
    expect(details.errorMessage).toMatch(message);
  });

  test("is told of a context that is none", async () => {
    const context = { targetingKey: "u1", nested: { deep: true } };
    const details = await client().getObjectDetails("ranking", { mine: true }, context);
    expect(details).toMatchObject({ value: { mine: true }, errorCode: "INVALID_CONTEXT" });
    expect(details.errorMessage).toMatch(/context.nested .*found an object/);
  });
});

describe("the OFREP provider of the OpenFeature web SDK", () => {
  test("gets all objectives of the namespace in one request, and new ones when it asks again", async () => {
    const domain = "ofrep-web";
    const options = { baseUrl: world.resolver.url, pollInterval: 100 };
    await WebFeature.setContext(domain, { targetingKey: "u1", device: "kiosk" });
    await WebFeature.setProviderAndWait(domain, new OFREPWebProvider(options));
    onTestFinished(() => WebFeature.clearProviders());
    const client = WebFeature.getClient(domain);
    expect(client.getObjectValue("ranking", {})).toMatchObject({ routingKey: "default/ranking/ranker@8" });
    const late = { ...rankingObjective(), metadata: { namespace: "default", name: "late" } };
    await publish(world.nats.url, [late]);
    const isThere = () => JSON.stringify(client.getObjectValue("late", {})).includes("default/late/ranker@8");
    await eventually("the new objective is there", isThere);
  });
});

describe("POST /ofrep/v1/evaluate/flags", () => {
  test("answers 304 as long as nothing changed for this context", async () => {
    const context = { targetingKey: "u1" };
    const first = await bulk({ context });
    const etag = first.headers.get("etag") ?? "";
    expect(await first.json()).toMatchObject({
      flags: expect.arrayContaining([expect.objectContaining({ key: "ranking" })]),
    });
    const again = await bulk({ context }, { "if-none-match": etag });
    expect([again.status, await again.text(), again.headers.get("etag")]).toEqual([304, "", etag]);
    const other = await bulk({ context: { targetingKey: "u1", device: "kiosk" } }, { "if-none-match": etag });
    expect(other.status).toBe(200);
    await publish(world.nats.url, [{ ...rankingObjective(), metadata: { namespace: "default", name: "another" } }]);
    await eventually("it changed", async () => (await bulk({ context }, { "if-none-match": etag })).status === 200);
  });

  test("is about one namespace, named in a header", async () => {
    const answer = await bulk({ context: {} }, { "x-signalbox-namespace": "team-b" });
    expect(await answer.json()).toEqual({ flags: [] });
    const bad = await bulk({ context: {} }, { "x-signalbox-namespace": "No Name" });
    expect([bad.status, await bad.json()]).toMatchObject([400, { errorCode: "GENERAL" }]);
  });

  test("tells what is wrong with a context, without a key", async () => {
    const answer = await bulk({ context: { list: [{}] } });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({
      errorCode: "INVALID_CONTEXT",
      errorDetails: expect.stringContaining("context.list[0]"),
    });
  });
});

test("/openapi.json describes what OFREP answers, and the defaults", async () => {
  const document = await (await fetch(`${world.resolver.url}/openapi.json`)).json();
  const ajv = new Ajv2020({ strict: false }).addSchema(document as object, "openapi");
  const isValid = (schema: string, value: unknown) =>
    ajv.validate({ $ref: `openapi#/components/schemas/${schema}` }, value);
  expect(isValid("Flag", (await single("ranking.version", {})).body)).toBe(true);
  expect(isValid("FlagFailure", (await single("ranking.colour", {})).body)).toBe(true);
  expect(isValid("Flags", await (await bulk({ context: {} })).json())).toBe(true);
  expect(isValid("Defaults", await (await fetch(`${world.resolver.url}/v1/defaults`)).json())).toBe(true);
  expect(isValid("Flags", {})).toBe(false);
});

describe("POST /ofrep/v1/evaluate/flags/{key}", () => {
  test.each([
    ["not JSON", 400, "PARSE_ERROR"],
    [[], 400, "GENERAL"],
    [{ context: [] }, 400, "INVALID_CONTEXT"],
    [{ context: { userId: { $ne: 1 } } }, 400, "INVALID_CONTEXT"],
  ])("refuses %j", async (body, status, errorCode) => {
    const answer = await single("ranking", body);
    expect([answer.status, answer.body]).toMatchObject([status, { key: "ranking", errorCode }]);
    expect(answer.body.errorDetails).toEqual(expect.any(String));
  });

  test("takes a request without a context, and fields that it does not know", async () => {
    const answer = await single("ranking", { flagType: "object" });
    expect([answer.status, answer.body.key, answer.body.reason]).toEqual([200, "ranking", "DEFAULT"]);
  });

  test("passes the labels on, and refuses those that are none", async () => {
    const labelled = await single("ranking", {}, { "x-signalbox-traffic-class": "test" });
    expect(labelled.body.value).toMatchObject({ headers: { "x-signalbox-traffic-class": "test" } });
    const refused = await single("ranking", {}, { "x-signalbox-traffic-class": "fake" });
    expect([refused.status, refused.body.errorCode]).toEqual([400, "GENERAL"]);
  });

  test("is counted as a decision and as a call; a bulk evaluation as a call", async () => {
    const metrics = await (await fetch(`${world.resolver.url}/metrics`)).text();
    expect(metrics).toMatch(/signalbox_resolver_request_duration_seconds_count\{.*method="ofrep",code="ok"\} [1-9]/);
    expect(metrics).toMatch(
      /signalbox_resolver_request_duration_seconds_count\{.*method="ofrep_bulk",code="ok"\} [1-9]/,
    );
    expect(metrics).toMatch(/signalbox_resolver_errors_total\{method="ofrep",code="unknown_objective"\} [1-9]/);
    expect(metrics).toMatch(/signalbox_resolver_decisions_total\{.*traffic_class="test".*\} 1/);
  });
});
