import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Metadata, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { createEchoGrpcClient } from "./support/echo-grpc.ts";
import { type EchoServer, type Received, startEchoServer } from "./support/echo-server.ts";
import { envoyVersions, missingEnvoyReason } from "./support/envoy-versions.ts";
import { startLoad } from "./support/load.ts";
import { eventually } from "./support/processes.ts";
import { publishAndWait } from "./support/publish.ts";
import { type RoutedEnvoyOptions, startRoutedEnvoy } from "./support/routed-envoy.ts";
import { sampleExperiment, sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";
import { type System, startSystem } from "./support/system.ts";

const token = "token-of-the-test";

let system: System;
let echo: EchoServer;

beforeAll(async () => {
  const sum = createHash("sha256").update(token).digest("hex");
  [echo, system] = await Promise.all([startEchoServer({ name: "a" }), startSystem({ RESOLVER_OVERRIDE_TOKENS: sum })]);
  const serve = { model: "ranker", version: "8", parameters: { beam: 4 } };
  const arms = { only: { model: "ranker", version: "8" } };
  const rules = [
    { name: "german", when: { locale: { matches: "^de(-[A-Z]{2})?$" } }, serve },
    { name: "adults", when: { age: { gte: 18 }, tags: { contains: "beta" } }, serve },
  ];
  await publishAndWait(system, "plain", [
    sampleShard("pool", [echo.http1Port]),
    sampleModel("ranker", { "7": ["pool"], "8": ["pool"] }),
    sampleObjective("ranking", "ranker", "7", { rules, context: { tags: { header: "x-tags", type: "list" } } }),
    sampleObjective("strict", "ranker", "7", {
      rules,
      policy: { onResolverFailure: "reject", onUnknownKey: "reject" },
    }),
    sampleObjective("patient", "ranker", "7", { rules, policy: { resolverTimeoutMs: 10_000, onUnknownKey: "reject" } }),
    sampleObjective("tried", "ranker", "7"),
    sampleExperiment("trial", "tried", arms, { start: "2020-01-01T00:00:00Z", when: { device: "kiosk" } }),
    sampleObjective("tried-outside", "ranker", "7"),
    sampleExperiment("outside", "tried-outside", arms, { allocation: { by: "cells" } }),
    sampleObjective("plain", "ranker", "7", { rules: [{ name: "kiosks", when: { device: "kiosk" }, serve }] }),
  ]);
});

afterAll(async () => {
  await system?.stop();
  await echo?.stop();
});

type Body = Received & {
  readonly error: { readonly code: string; readonly message: string; readonly retryable?: boolean };
};

async function call(objective: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${system.oneCallUrl}/infer`, {
    method: "POST",
    headers: { "x-signalbox-objective": `default/${objective}`, ...headers },
    body: "hello",
  });
  return { response, body: (await response.json()) as Body };
}

const kiosk = { "x-signalbox-context-device": "kiosk" };
const german = { "x-signalbox-context-locale": "de-AT" };

/** How many questions of one-call mode the resolver has answered so. */
async function counted(code: string): Promise<number> {
  const metrics = await (await fetch(`${system.resolverUrl}/metrics`)).text();
  const series = `signalbox_resolver_request_duration_seconds_count{transport="http",method="one_call",code="${code}"`;
  const line = metrics.split("\n").find((each) => each.startsWith(series));
  return Number(line?.split(" ").at(-1) ?? 0);
}

/** A loaded machine may take longer than the usual time limit at first. */
async function untilResolved(objective: string): Promise<void> {
  await eventually("the resolver answers in time", async () => {
    const { response } = await call(objective, german);
    return response.status === 200 && !response.headers.has("x-signalbox-fallback");
  });
}

describe("an objective whose rules Envoy cannot hold", () => {
  test("is decided by the resolver, and the decision goes to the model", async () => {
    const { response, body } = await call("patient", german);
    expect(response.status).toBe(200);
    expect(response.headers.get("x-signalbox-model")).toBe("ranker@8");
    expect(response.headers.has("x-signalbox-fallback")).toBe(false);
    expect(body.bytes).toBe(5);
    expect(body.headers["x-routing-key"]).toBe("default/patient/ranker@8");
    expect(body.headers["x-signalbox-model"]).toBe("ranker@8");
    expect(body.headers["x-signalbox-decision"]).toContain("rule=german;model=ranker@8");
    const config = Buffer.from(body.headers["x-signalbox-config"] ?? "", "base64url").toString("utf8");
    expect(JSON.parse(config)).toEqual({
      model: "ranker",
      version: "8",
      variant: null,
      rule: "german",
      parameters: { beam: 4 },
    });
    expect(body.headers).not.toHaveProperty("x-signalbox-fallback");
  });

  test("reads numbers, lists, and headers that the objective names", async () => {
    await untilResolved("ranking");
    const adult = { "x-signalbox-context-age": "18" };
    const model = async (headers: Record<string, string>) =>
      (await call("ranking", headers)).response.headers.get("x-signalbox-model");
    await eventually("an adult with the tag gets version 8", async () => {
      return (await model({ ...adult, "x-tags": "alpha, beta" })) === "ranker@8";
    });
    expect(await model({ ...adult, "x-tags": "alpha" })).toBe("ranker@7");
    // The objective names another header for it.
    expect(await model({ ...adult, "x-signalbox-context-tags": "beta" })).toBe("ranker@7");
  });

  test("counts the decision as any other", async () => {
    await call("patient", german);
    const metrics = await (await fetch(`${system.resolverUrl}/metrics`)).text();
    expect(metrics).toMatch(
      /signalbox_resolver_decisions_total\{namespace="default",objective="patient",model="ranker",version="8",reason="rule",traffic_class="real"\} [1-9]/,
    );
    expect(metrics).toMatch(
      /signalbox_resolver_request_duration_seconds_count\{.*method="one_call".*code="ok".*\} [1-9]/,
    );
  });

  test("refuses a context that cannot be read, with the header and the remedy, and counts that once", async () => {
    const before = await counted("invalid_request");
    const { response, body } = await call("patient", { "x-signalbox-context-locale": "%ff" });
    expect(await counted("invalid_request")).toBe(before + 1);
    expect(response.status).toBe(400);
    expect(response.headers.get("content-type")).toContain("application/json");
    expect(body.error).toMatchObject({
      code: "invalid_request",
      message: "x-signalbox-context-locale is not UTF-8 in percent-encoding.",
    });
  });

  test("has what a client says of its selection taken away", async () => {
    const { response, body } = await call("patient", {
      "x-routing-key": "default/patient/ranker@8",
      "x-signalbox-config": "e30",
      "x-signalbox-decision": "objective=forged",
      "x-signalbox-fallback": "forged",
      "x-signalbox-error": "selection_unavailable",
      "x-envoy-auth-partial-body": "true",
    });
    expect(response.status).toBe(200);
    expect(body.headers["x-routing-key"]).toBe("default/patient/ranker@7");
    expect(JSON.stringify(body)).not.toContain("forged");
    expect(body.headers).not.toHaveProperty("x-signalbox-error");
  });

  test("lets an authorised caller, and nobody else, force a version", async () => {
    const forced = await call("patient", { "x-signalbox-override": "8", authorization: `Bearer ${token}` });
    expect(forced.response.status).toBe(200);
    expect(forced.body.headers["x-signalbox-decision"]).toContain("model=ranker@8");
    expect(forced.body.headers["x-signalbox-decision"]).toContain("reason=override;override=true");
    const denied = await call("patient", { "x-signalbox-override": "8", authorization: "Bearer wrong" });
    expect(denied.response.status).toBe(403);
    expect(denied.body.error.code).toBe("override_denied");
    const unknown = await call("patient", { "x-signalbox-override": "9", authorization: `Bearer ${token}` });
    expect(unknown.response.status).toBe(422);
    expect(unknown.body.error.code).toBe("override_unknown_version");
  });
});

test("explain says what selects, and why not Envoy", async () => {
  const explain = async (objective: string) => {
    const response = await fetch(`${system.resolverUrl}/v1/explain`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ objective, context: {} }),
    });
    return ((await response.json()) as { oneCall: unknown }).oneCall;
  };
  expect(await explain("plain")).toMatchObject({ engine: "embedded", why: [] });
  expect(await explain("tried")).toMatchObject({ engine: "embedded", why: [] });
  expect(await explain("tried-outside")).toMatchObject({
    engine: "resolver",
    why: ["spec.allocation.by of experiment outside is cells, which only a resolver can ask the platform for"],
  });
  expect(await explain("ranking")).toEqual({
    engine: "resolver",
    why: ["spec.rules[0].when.locale.matches is a regular expression, which Envoy's Lua filter does not have"],
    attributes: [
      { name: "userId", header: "x-signalbox-context-userid", baggage: "userId", type: "string" },
      { name: "age", header: "x-signalbox-context-age", baggage: "age", type: "number" },
      { name: "locale", header: "x-signalbox-context-locale", baggage: "locale", type: "string" },
      { name: "tags", header: "x-tags", baggage: null, type: "list" },
    ],
  });
});

describe("when no resolver answers", () => {
  test("a dead one: the default answers, marked and counted, also where unknown keys are refused", async () => {
    const before = await failures();
    await system.parts.resolver.kill();
    for (const objective of ["ranking", "patient"]) {
      const { response, body } = await call(objective, german);
      expect(response.status).toBe(200);
      expect(response.headers.get("x-signalbox-model")).toBe("ranker@7");
      expect(response.headers.get("x-signalbox-fallback")).toBe("resolver-unavailable");
      expect(body.headers["x-signalbox-fallback"]).toBe("resolver-unavailable");
      expect(body.headers["x-signalbox-model"]).toBe("ranker@7");
      expect(body.headers["x-signalbox-decision"]).toContain("rule=default;model=ranker@7");
    }
    expect(await failures()).toBeGreaterThanOrEqual(before + 2);
  });

  test("a dead one, and an objective that takes nothing else: 503 in JSON", async () => {
    const { response, body } = await call("strict", german);
    expect(response.status).toBe(503);
    expect(body.error.code).toBe("selection_unavailable");
  });

  test("objectives that Envoy decides itself do not notice", async () => {
    const { response } = await call("plain", kiosk);
    expect(response.headers.get("x-signalbox-model")).toBe("ranker@8");
    expect(response.headers.has("x-signalbox-fallback")).toBe(false);
  });

  test("a frozen one: the default answers within the objective's time", async () => {
    await system.parts.resolver.start();
    await untilResolved("ranking");
    process.kill(system.parts.resolver.running().processId, "SIGSTOP");
    try {
      const { response } = await call("ranking", german);
      expect(response.headers.get("x-signalbox-model")).toBe("ranker@7");
      expect(response.headers.get("x-signalbox-fallback")).toBe("resolver-unavailable");
    } finally {
      process.kill(system.parts.resolver.running().processId, "SIGCONT");
    }
    await untilResolved("ranking");
  });
});

test("with every Signalbox process dead, Envoy goes on selecting", async () => {
  const headers = { "x-signalbox-objective": "default/plain", ...kiosk };
  const load = startLoad({ url: `${system.oneCallUrl}/infer`, headers });
  try {
    await load.untilSucceeded(50);
    await Promise.all([system.parts.nats.kill(), system.parts.resolver.kill(), system.parts.xdsServer.kill()]);
    await load.untilSucceeded(300);
  } finally {
    await load.stop();
  }
  expect(load.failures).toEqual([]);
  const { response, body } = await call("plain", kiosk);
  expect(response.headers.get("x-signalbox-model")).toBe("ranker@8");
  expect(body.headers["x-signalbox-decision"]).toContain("rule=kiosks;");
  expect((await call("plain")).response.headers.get("x-signalbox-model")).toBe("ranker@7");
  const { body: tried } = await call("tried", { ...kiosk, "x-signalbox-context-userid": "user-1" });
  expect(tried.headers["x-signalbox-decision"]).toMatch(
    /;rule=trial;variant=only;model=ranker@8;.*;reason=experiment$/,
  );
});

/** How often Envoy went on without the resolver. */
async function failures(): Promise<number> {
  const stats = await (
    await fetch(`${system.adminUrl}/stats?filter=http.one_call.ext_authz.failure_mode_allowed`)
  ).text();
  return Number(/: (\d+)/.exec(stats)?.[1] ?? 0);
}

test("of a resolver that is dead, or has no documents yet, another one is asked, and no request notices", async () => {
  const asked = { unready: 0, ready: 0 };
  const unready: RequestListener = (_, response) => {
    asked.unready++;
    response.writeHead(503).end();
  };
  const ready: RequestListener = (_, response) => {
    asked.ready++;
    decides(response);
  };
  // Nothing listens on port 1.
  const ask = await startAsking([1, await listen(unready), await listen(ready)]);
  const models: (string | null)[] = [];
  for (let n = 0; n < 40; n++) models.push(await ask());
  expect(new Set(models)).toEqual(new Set(["ranker@8"]));
  expect(asked.unready).toBeGreaterThan(0);
  expect(asked.ready).toBe(40);
});

test("a resolver that is slow, but in time, is waited for and asked once", async () => {
  let asked = 0;
  const slow: RequestListener = (_, response) => {
    asked++;
    setTimeout(() => decides(response), 500);
  };
  const ask = await startAsking([await listen(slow)]);
  expect(await ask()).toBe("ranker@8");
  expect(asked).toBe(1);
});

test("a resolver is asked with headers alone: the body, however long, goes to the model only", async () => {
  const heard: { bytes: number; length: string | undefined; headers: string }[] = [];
  const listening: RequestListener = async (request, response) => {
    let bytes = 0;
    for await (const chunk of request) bytes += chunk.length;
    heard.push({ bytes, length: request.headers["content-length"], headers: JSON.stringify(request.headers) });
    decides(response);
  };
  const ask = await startAsking([await listen(listening)]);
  const before = echo.received.length;
  expect(await ask("payload".repeat(1024 * 1024))).toBe("ranker@8");
  expect(heard).toEqual([{ bytes: 0, length: "0", headers: expect.not.stringContaining("payload") }]);
  expect(echo.received.slice(before)).toMatchObject([{ bytes: 7 * 1024 * 1024 }]);
});

test("an answer without a routing key is no decision: the resolver is asked whole", async () => {
  const paths: (string | undefined)[] = [];
  const keyless: RequestListener = ({ url }, response) => {
    paths.push(url);
    if (paths.length > 1) decides(response);
    else response.writeHead(200, { "x-signalbox-config": "e30", "x-signalbox-decision": "model=ranker@8" }).end();
  };
  const ask = await startAsking([await listen(keyless)]);
  expect(await ask()).toBe("ranker@8");
  expect(paths).toEqual(["/v1/one-call/", "/v1/one-call/infer"]);
});

describe("what a resolver refuses", () => {
  const words = JSON.stringify({ error: { code: "some_code", message: "words of the resolver" } });

  test.each([400, 403, 404, 413, 422, 431])("is asked once, and %i goes to the client in its words", async (code) => {
    let asked = 0;
    const refusing: RequestListener = (_, response) => {
      asked++;
      response.writeHead(code, { "content-type": "application/json", "x-other": "1" }).end(words);
    };
    const { callUrl } = await startCalling([await listen(refusing)]);
    const before = echo.received.length;
    const response = await callAsking(callUrl);
    expect(response.status).toBe(code);
    expect(await response.text()).toBe(words);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(response.headers.has("x-other")).toBe(false);
    expect([asked, echo.received.length]).toEqual([1, before]);
  });

  test("tells a gRPC caller what it is", async () => {
    const refusing: RequestListener = (_, response) => response.writeHead(400).end(words);
    const { port } = await startCalling([await listen(refusing)]);
    const client = createEchoGrpcClient(`127.0.0.1:${port}`);
    const metadata = new Metadata();
    metadata.set("x-signalbox-objective", "default/asking");
    const refused = client.collect([Buffer.from("hello")], metadata);
    await expect(refused).rejects.toMatchObject({ code: status.INVALID_ARGUMENT, details: words });
    client.close();
  });
});

test("is asked once with what decisions, counts and traces need, and whole when that brings no decision", async () => {
  const heard: IncomingMessage[] = [];
  const undecided: RequestListener = (request, response) => {
    heard.push(request);
    // As the filter has it, a routing key is enough.
    response.writeHead(200, { "x-routing-key": "default/asking/ranker@8" }).end();
  };
  const ask = await startAsking([await listen(undecided)]);
  const labels = { "x-signalbox-client": "shop", "x-signalbox-traffic-class": "test", traceparent: "00-1-2-01" };
  const secret = { authorization: "Bearer secret", "x-other": "1" };
  expect(await ask("", { ...labels, ...secret, "x-signalbox-context-userid": "u-1", baggage: "a=1" })).toBe("ranker@8");
  const [plain, whole, ...more] = heard;
  expect(more).toEqual([]);
  expect([plain?.method, plain?.url, whole?.url]).toEqual(["POST", "/v1/one-call/", "/v1/one-call/infer"]);
  const ofEnvoy = ([name]: readonly [string, unknown]) => name.startsWith("x-envoy-");
  expect(Object.fromEntries(Object.entries(plain?.headers ?? {}).filter((each) => !ofEnvoy(each)))).toEqual({
    host: "signalbox_resolver",
    "content-length": "0",
    "x-signalbox-objective": "default/asking",
    "x-signalbox-context-userid": "u-1",
    ...labels,
  });
  expect(plain?.headers["x-envoy-expected-rq-timeout-ms"]).toBe("5000");
  expect(whole?.headers).toMatchObject({ ...labels, authorization: "Bearer secret", baggage: "a=1" });
});

describe.each(envoyVersions.slice(1))("Envoy %s", (version) => {
  const reason = missingEnvoyReason(version);
  if (reason) console.warn(reason);
  test.skipIf(reason !== null)("asks once as well, and whole when that brings no decision", async () => {
    const paths: (string | undefined)[] = [];
    const failing: RequestListener = (request, response) => {
      paths.push(request.url);
      if (paths.length === 2) response.writeHead(503).end();
      else decides(response);
    };
    const ask = await startAsking([await listen(failing)], 10_000, { version });
    expect([await ask(), await ask()]).toEqual(["ranker@8", "ranker@8"]);
    expect(paths).toEqual(["/v1/one-call/", "/v1/one-call/", "/v1/one-call/infer"]);
  });
});

test("the model server is told who serves, also when Envoy has no route for what was decided", async () => {
  const ahead: RequestListener = (_, response) => decides(response, "ranker@9");
  const ask = await startAsking([await listen(ahead)]);
  expect(await ask()).toBe("unknown-key");
  expect(echo.received.at(-1)?.headers["x-signalbox-model"]).toBe("ranker@7");
});

test("with an override is asked whole, and once", async () => {
  const heard: IncomingMessage[] = [];
  const ready: RequestListener = (request, response) => {
    heard.push(request);
    decides(response);
  };
  const ask = await startAsking([await listen(ready)]);
  expect(await ask("", { "x-signalbox-override": "8", authorization: "Bearer secret" })).toBe("ranker@8");
  expect(heard.map(({ url, headers }) => [url, headers["x-signalbox-override"], headers.authorization])).toEqual([
    ["/v1/one-call/infer", "8", "Bearer secret"],
  ]);
});

test("of a resolver that is silent, another one is asked in what is left of the time", async () => {
  const asked = { silent: 0, ready: 0 };
  const silent: RequestListener = () => {
    asked.silent++;
  };
  const ready: RequestListener = (_, response) => {
    asked.ready++;
    decides(response);
  };
  const ask = await startAsking([await listen(silent), await listen(ready)], 4000);
  const models: (string | null)[] = [];
  while (asked.silent === 0) models.push(await ask());
  expect(new Set(models)).toEqual(new Set(["ranker@8"]));
  expect(asked.ready).toBe(models.length);
});

/** What a resolver answers that decides for the version that is not the default. */
function decides(response: ServerResponse, model = "ranker@8"): void {
  const decision = { "x-signalbox-config": "e30", "x-signalbox-decision": "objective=default/asking" };
  response.writeHead(200, { "x-routing-key": `default/asking/${model}`, ...decision }).end();
}

/** A server in place of a resolver, until the test ends; answers with its port. */
async function listen(listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

/** An Envoy that asks these resolvers for the objective default/asking. */
async function startCalling(
  resolverPorts: readonly number[],
  resolverTimeoutMs = 10_000,
  options: RoutedEnvoyOptions = {},
) {
  const routed = await startRoutedEnvoy({ resolverPorts, ...options });
  onTestFinished(() => routed.stop());
  await routed.publish([
    sampleShard("pool", [echo.http1Port]),
    sampleModel("ranker", { "7": ["pool"], "8": ["pool"] }),
    sampleObjective("asking", "ranker", "7", { policy: { engine: "resolver", resolverTimeoutMs, timeoutMs: 20_000 } }),
  ]);
  return { callUrl: `${routed.oneCallUrl}/infer`, port: routed.oneCallPort };
}

function callAsking(url: string, body = "hello", given: Record<string, string> = {}): Promise<Response> {
  return fetch(url, { method: "POST", headers: { ...given, "x-signalbox-objective": "default/asking" }, body });
}

/** As {@link startCalling}: what it gives answers with the model, or why the default answered. */
async function startAsking(...given: Parameters<typeof startCalling>) {
  const { callUrl } = await startCalling(...given);
  return async (body?: string, headers?: Record<string, string>) => {
    const response = await callAsking(callUrl, body, headers);
    await response.arrayBuffer();
    return response.headers.get("x-signalbox-fallback") ?? response.headers.get("x-signalbox-model");
  };
}
