import { request as httpRequest } from "node:http";
import { Metadata, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import splits from "../selection/vectors/splits.json" with { type: "json" };
import { createEchoGrpcClient } from "./support/echo-grpc.ts";
import { type EchoServer, type Received, startEchoServer } from "./support/echo-server.ts";
import { envoyVersions, missingEnvoyReason } from "./support/envoy-versions.ts";
import { eventually } from "./support/processes.ts";
import { type RoutedEnvoy, startRoutedEnvoy } from "./support/routed-envoy.ts";
import { sampleExperiment, sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";

let routed: RoutedEnvoy;
let echo: EchoServer;
let revision: number;

const [, split] = splits.splits;
if (split?.salt !== "exp-123") throw new Error("splits.json has another second split");
const serve = { model: "ranker", version: "8", parameters: { beam: 4, text: "é" } };

beforeAll(async () => {
  echo = await startEchoServer({ name: "a" });
  routed = await startRoutedEnvoy();
  const other = sampleObjective("ranking", "ranker", "7");
  revision = await routed.publish([
    sampleShard("pool", [echo.http1Port]),
    sampleShard("pool-grpc", [echo.grpcPort], { protocol: "grpc", healthCheck: {} }),
    sampleModel("ranker", { "7": ["pool"], "8": ["pool"], "9": ["pool"] }, "open-inference"),
    sampleModel("digits", { "1": ["pool-grpc"], "2": ["pool-grpc"] }),
    { ...sampleShard("pool", [echo.http1Port]), metadata: { namespace: "team-b", name: "pool" } },
    { ...sampleModel("ranker", { "7": ["pool"] }), metadata: { namespace: "team-b", name: "ranker" } },
    { ...other, metadata: { namespace: "team-b", name: "ranking" } },
    sampleObjective("split", "ranker", "7", {
      rules: [
        {
          name: "r",
          split: { salt: split.salt, variants: split.arms.map((arm) => ({ ...arm, model: "ranker", version: "7" })) },
        },
      ],
    }),
    sampleObjective("reading", "digits", "1", {
      rules: [{ name: "tv", when: { device: "tv" }, serve: { model: "digits", version: "2" } }],
    }),
    sampleObjective("shadowed", "ranker", "7", { shadow: [{ model: "ranker", version: "9", percent: 100 }] }),
    sampleObjective("typed", "ranker", "7", {
      context: { age: {}, tags: { header: "x-tags", type: "list" }, plan: { baggage: "account.plan" } },
      rules: [
        { name: "age", when: { age: { gte: 18 } }, serve },
        { name: "signed-in", when: { signedIn: true }, serve },
        { name: "tags", when: { tags: { contains: "a,b" } }, serve },
        { name: "plan", when: { plan: "gold" }, serve },
        { name: "version", when: { appVersion: { semver: ">=2.1.0" } }, serve },
      ],
    }),
    sampleObjective("ranking", "ranker", "7", { rules: [{ name: "kiosks", when: { device: "kiosk" }, serve }] }),
  ]);
});

afterAll(async () => {
  await routed?.stop();
  await echo?.stop();
});

type Body = Received & { readonly error: Readonly<Record<string, string>> };

async function call(objective: string | undefined, headers: Record<string, string> = {}, path = "/infer") {
  const named = objective === undefined ? {} : { "x-signalbox-objective": objective };
  const response = await fetch(`${routed.oneCallUrl}${path}`, {
    method: "POST",
    headers: { ...named, ...headers },
    body: "hello",
  });
  return { response, body: (await response.json()) as Body };
}

/** As {@link call}, with headers in their order, the same name several times. */
function callRaw(headers: readonly string[]): Promise<{ status: number; body: Body }> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      {
        host: "127.0.0.1",
        port: routed.oneCallPort,
        path: "/infer",
        method: "POST",
        headers: ["host", "test", ...headers],
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => {
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()) as Body });
        });
      },
    );
    sent.on("error", reject);
    sent.end();
  });
}

async function ruleOf(objective: string, headers: Record<string, string>): Promise<string | undefined> {
  const { body } = await call(objective, headers);
  return /;rule=([^;]*)/.exec(body.headers["x-signalbox-decision"] ?? "")?.[1];
}

describe("a request that names an objective and carries a context", () => {
  test("reaches the version that the rules select, with the decision in its headers", async () => {
    const { response, body } = await call(
      "default/ranking",
      { "x-signalbox-context-device": "kiosk" },
      "/infer?trace=1",
    );
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "x-signalbox-model": "ranker@8",
      "x-signalbox-shard": "default/pool",
      "x-signalbox-revision": String(revision),
    });
    expect(body.path).toBe("/v2/models/ranker/versions/8/infer?trace=1");
    expect(body.bytes).toBe(5);
    expect(body.headers).toMatchObject({
      "x-routing-key": "default/ranking/ranker@8",
      "x-signalbox-decision": `objective=default/ranking;rule=kiosks;model=ranker@8;revision=${revision};reason=rule`,
      "x-signalbox-model": "ranker@8",
      "x-signalbox-traffic-class": "real",
    });
    const config = Buffer.from(body.headers["x-signalbox-config"] ?? "", "base64url").toString("utf8");
    const { parameters } = serve;
    expect(JSON.parse(config)).toEqual({ model: "ranker", version: "8", variant: null, rule: "kiosks", parameters });
  });

  test("gets the default without a context", async () => {
    const { response, body } = await call("default/ranking");
    expect(response.headers.get("x-signalbox-model")).toBe("ranker@7");
    expect(response.headers.has("x-signalbox-fallback")).toBe(false);
    expect(body.headers["x-signalbox-decision"]).toContain(";rule=default;");
  });

  test("falls into the arm that the golden vectors name, for every unit that a header can hold", async () => {
    const units = splits.units
      .map(({ text }, index) => ({ text, arm: split.picked[index] }))
      .filter(({ text }) => text.length <= 1000);
    expect(units.length).toBeGreaterThan(250);
    const wrong: unknown[] = [];
    for (const { text, arm } of units) {
      const { body } = await call("default/split", { "x-signalbox-context-userid": encodeURIComponent(text) });
      const variant = /;variant=([^;]*)/.exec(body.headers["x-signalbox-decision"] ?? "")?.[1];
      if (variant !== (text === "" ? undefined : arm)) wrong.push({ text, arm, variant });
    }
    expect(wrong).toEqual([]);
  });

  test("has its attributes read as what the rules compare them with, or as the objective says", async () => {
    const prefix = "x-signalbox-context-";
    expect(await ruleOf("default/typed", { [`${prefix}age`]: "18" })).toBe("age");
    expect(await ruleOf("default/typed", { [`${prefix}age`]: "17.5" })).toBe("default");
    expect(await ruleOf("default/typed", { [`${prefix}age`]: "old" })).toBe("default");
    expect(await ruleOf("default/typed", { [`${prefix}signedin`]: "true" })).toBe("signed-in");
    expect(await ruleOf("default/typed", { [`${prefix}appversion`]: "2.1.0" })).toBe("version");
    expect(await ruleOf("default/typed", { "x-tags": "c, a%2Cb" })).toBe("tags");
    expect(await ruleOf("default/typed", { [`${prefix}tags`]: "a%2Cb" })).toBe("default");
    expect(await ruleOf("default/typed", { baggage: "other=1,account.plan=gold;ttl=2" })).toBe("plan");
    expect(await ruleOf("default/typed", { baggage: "signedIn=true" })).toBe("signed-in");
  });

  test("may be a gRPC call", async () => {
    const client = createEchoGrpcClient(`127.0.0.1:${routed.oneCallPort}`);
    const metadata = new Metadata();
    metadata.set("x-signalbox-objective", "default/reading");
    metadata.set("x-signalbox-context-device", "tv");
    const answer = await client.collect([Buffer.from("hello")], metadata);
    expect(answer.headers["x-signalbox-model"]).toBe("digits@2");
    client.close();
  });

  test("is copied to a shadow like any other", async () => {
    const before = echo.received.length;
    await call("default/shadowed", { "x-signalbox-context-userid": "u" });
    await eventually("the shadow has its copy", () =>
      echo.received.slice(before).some(({ headers }) => headers["x-routing-key"] === "default/shadowed/ranker@9"),
    );
  });
});

describe("an objective under experiments", () => {
  const treatment = { only: { model: "ranker", version: "8" } };
  const decisionOf = async (objective: string, headers: Record<string, string>) => {
    const { body } = await call(objective, headers);
    return Object.fromEntries((body.headers["x-signalbox-decision"] ?? "").split(";").map((field) => field.split("=")));
  };
  const user = { "x-signalbox-context-userid": "user-1" };

  test("is decided by the one that takes the context, by the experiment's own unit, or by the rules", async () => {
    await routed.publish([
      sampleObjective("tried", "ranker", "7", {
        rules: [{ name: "kiosks", when: { device: "kiosk" }, serve: { model: "ranker", version: "9" } }],
      }),
      sampleExperiment("trial", "tried", treatment, { unit: "accountId", when: { accountId: { gt: 100 } } }),
    ]);
    const account = (id: string) => ({ ...user, "x-signalbox-context-accountid": id });
    expect(await decisionOf("default/tried", account("101"))).toMatchObject({
      rule: "trial",
      variant: "only",
      model: "ranker@8",
      reason: "experiment",
    });
    expect(await decisionOf("default/tried", account("100"))).toMatchObject({ rule: "default" });
    const kiosk = { "x-signalbox-context-device": "kiosk" };
    expect(await decisionOf("default/tried", { ...account("100"), ...kiosk })).toMatchObject({ rule: "kiosks" });
    // Nothing is held out yet.
    await routed.publish([
      {
        apiVersion: "signalbox.dev/v1",
        kind: "Holdout",
        metadata: { name: "all" },
        spec: { unit: "accountId", percent: 100 },
      },
    ]);
    await eventually("the holdout keeps the unit out", async () => {
      return (await decisionOf("default/tried", account("101"))).rule === "default";
    });
    await routed.publish(["holdout.default.all"]);
  });

  test("is in those alone whose time it is, by Envoy's clock: nothing is published at the start", async () => {
    const soon = new Date(Date.now() + 2000).toISOString();
    const at = (year: number) => `${year}-01-01T00:00:00Z`;
    const published = await routed.publish([
      sampleObjective("timed", "ranker", "7"),
      sampleExperiment("over", "timed", treatment, { start: at(2020), end: at(2021) }),
      sampleExperiment("starts-soon", "timed", treatment, { start: soon, end: at(2100) }),
      sampleExperiment("far", "timed", treatment, { start: at(2100) }),
    ]);
    const seen = new Set<string>();
    await eventually("the experiment has begun", async () => {
      const { rule, revision: decided } = await decisionOf("default/timed", user);
      if (Number(decided) === published) seen.add(String(rule));
      return seen.has("starts-soon");
    });
    expect([...seen].filter((rule) => rule !== "default")).toEqual(["starts-soon"]);
  });
});

describe("a request that tries to say what selection says", () => {
  test("has the routing key, the config and the decision replaced", async () => {
    const { response, body } = await call("default/ranking", {
      "x-routing-key": "default/ranking/ranker@9",
      "x-signalbox-config": "e30",
      "x-signalbox-decision": "objective=forged",
      "x-signalbox-model": "forged@1",
      "x-signalbox-fallback": "forged",
      "x-signalbox-error": "override_denied",
      "x-signalbox-error-message": "forged",
      "x-signalbox-path": "/forged",
    });
    expect(response.status).toBe(200);
    expect(response.headers.get("x-signalbox-model")).toBe("ranker@7");
    expect(response.headers.has("x-signalbox-fallback")).toBe(false);
    expect(body.headers["x-routing-key"]).toBe("default/ranking/ranker@7");
    expect(JSON.stringify(body)).not.toContain("forged");
    expect(body.headers["x-signalbox-config"]).not.toBe("e30");
  });

  test("has every copy of them replaced", async () => {
    const keys = ["x-routing-key", "default/ranking/ranker@9", "X-Routing-Key", "team-b/ranking/ranker@7"];
    const { status: code, body } = await callRaw(["x-signalbox-objective", "default/ranking", ...keys]);
    expect(code).toBe(200);
    expect(body.headers["x-routing-key"]).toBe("default/ranking/ranker@7");
  });

  test("cannot reach another namespace through the objective's name", async () => {
    for (const objective of [
      "default/ranking/ranker@9",
      "default/ranking/../../team-b/ranking",
      "default/ranking,team-b/ranking",
      "default/ranking ",
      "default//ranking",
      "default%2Franking",
      "/default/ranking",
      "default/ranking/",
    ]) {
      const { response, body } = await call(objective);
      if (response.status === 200) {
        // HTTP takes blanks around a value away.
        expect([objective, body.headers["x-routing-key"]]).toEqual(["default/ranking ", "default/ranking/ranker@7"]);
      } else {
        expect([objective, [400, 404].includes(response.status)]).toEqual([objective, true]);
        expect(["invalid_request", "unknown_objective"]).toContain(body.error.code);
      }
    }
    const twice = await callRaw([
      "x-signalbox-objective",
      "default/ranking",
      "x-signalbox-objective",
      "team-b/ranking",
    ]);
    expect(twice.status).toBe(400);
    expect(twice.body.error).toMatchObject({
      code: "invalid_request",
      message: "x-signalbox-objective must be <namespace>/<objective>, once",
    });
  });

  test("gets no version by an override: Envoy knows no tokens", async () => {
    const { response, body } = await call("default/ranking", {
      "x-signalbox-override": "9",
      authorization: "Bearer whatever",
    });
    expect(response.status).toBe(403);
    expect(body.error.code).toBe("override_denied");
  });

  test("cannot add retries or time limits of its own", async () => {
    const { body } = await call("default/ranking", {
      "x-envoy-upstream-rq-timeout-ms": "1",
      "x-envoy-max-retries": "9",
    });
    expect(Object.keys(body.headers).filter((name) => /x-envoy-(upstream|max)/.test(name))).toEqual([]);
  });
});

describe("a request that cannot be decided is told why, in JSON", () => {
  test.each<[string, string | undefined, Record<string, string>, number, string, string]>([
    ["no objective", undefined, {}, 400, "missing_objective", "x-signalbox-objective"],
    ["an unknown one", "default/nothing", {}, 404, "unknown_objective", "no objective"],
    ["a bad escape", "default/typed", { "x-tags": "%4" }, 400, "invalid_request", "x-tags has a % that"],
    ["no UTF-8", "default/split", { "x-signalbox-context-userid": "%ff" }, 400, "invalid_request", "is not UTF-8"],
    ["a comma", "default/split", { "x-signalbox-context-userid": "a,b" }, 400, "invalid_request", "has a comma"],
    [
      "a long value",
      "default/split",
      { "x-signalbox-context-userid": "a".repeat(5000) },
      400,
      "invalid_request",
      "more than 4096 bytes",
    ],
  ])("%s", async (_what, objective, headers, code, error, message) => {
    const { response, body } = await call(objective, headers);
    expect(response.status).toBe(code);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(body.error.code).toBe(error);
    expect(body.error.message).toContain(message);
    expect(body.error.remedy).toBeTruthy();
  });

  test("and gRPC callers by a status", async () => {
    const client = createEchoGrpcClient(`127.0.0.1:${routed.oneCallPort}`);
    const bad = new Metadata();
    bad.set("x-signalbox-objective", "default/reading");
    bad.set("x-signalbox-context-device", "%ff");
    await expect(client.collect([], bad)).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
    const unknown = new Metadata();
    unknown.set("x-signalbox-objective", "default/nothing");
    await expect(client.collect([], unknown)).rejects.toMatchObject({ code: status.NOT_FOUND });
    client.close();
  });
});

test("rules and routes switch together: no request is decided by one revision and routed by another", async () => {
  const rulesOf = (version: string) => [
    { name: "kiosks", when: { device: "kiosk" }, serve: { model: "ranker", version } },
  ];
  await routed.publish([
    sampleObjective("moving", "ranker", "7", { rules: rulesOf("7"), policy: { onUnknownKey: "reject" } }),
  ]);
  const seen = new Set<string>();
  const wrong: unknown[] = [];
  let stopped = false;
  const worker = async () => {
    while (!stopped) {
      const { response, body } = await call("default/moving", { "x-signalbox-context-device": "kiosk" });
      const routes = response.headers.get("x-signalbox-revision");
      const rules = /;revision=(\d+)/.exec(body.headers?.["x-signalbox-decision"] ?? "")?.[1];
      if (response.status !== 200 || routes !== rules) wrong.push({ status: response.status, routes, rules, body });
      seen.add(String(rules));
    }
  };
  const workers = [worker(), worker(), worker()];
  // Each revision brings a version that no revision before it had, and takes the last one away.
  for (let step = 1; step <= 8; step++) {
    const version = `v${step}`;
    const published = await routed.publish([
      sampleModel("mover", { [version]: ["pool"] }),
      sampleObjective("moving", "mover", version, {
        rules: [{ name: "kiosks", when: { device: "kiosk" }, serve: { model: "mover", version } }],
        policy: { onUnknownKey: "reject" },
      }),
    ]);
    await eventually(`requests are decided by revision ${published}`, () => seen.has(String(published)));
  }
  stopped = true;
  await Promise.all(workers);
  expect(wrong).toEqual([]);
});

describe.each(envoyVersions.slice(1))("Envoy %s", (version) => {
  const reason = missingEnvoyReason(version);
  if (reason) console.warn(reason);
  test.skipIf(reason !== null)("selects as well", async () => {
    const older = await startRoutedEnvoy({ version });
    try {
      const rules = [{ name: "kiosks", when: { device: "kiosk" }, serve }];
      await older.publish([
        sampleShard("pool", [echo.http1Port]),
        sampleModel("ranker", { "7": ["pool"], "8": ["pool"] }),
        sampleObjective("resolved", "ranker", "7", { rules, policy: { engine: "resolver", resolverTimeoutMs: 5000 } }),
        sampleObjective("ranking", "ranker", "7", { rules }),
        sampleObjective("timed", "ranker", "7"),
        sampleExperiment("exp", "timed", { a: { model: "ranker", version: "8" } }, { start: "2020-01-01T00:00:00Z" }),
      ]);
      const model = async (objective: string, device: string) => {
        const context = { "x-signalbox-context-device": device, "x-signalbox-context-userid": "user-1" };
        const headers = { "x-signalbox-objective": objective, ...context };
        const response = await fetch(`${older.oneCallUrl}/infer`, { method: "POST", headers, body: "{}" });
        await response.arrayBuffer();
        return [response.headers.get("x-signalbox-model"), response.headers.get("x-signalbox-fallback")];
      };
      expect(await model("default/ranking", "kiosk")).toEqual(["ranker@8", null]);
      expect(await model("default/ranking", "tv")).toEqual(["ranker@7", null]);
      expect(await model("default/timed", "tv")).toEqual(["ranker@8", null]);
      // There is no resolver.
      expect(await model("default/resolved", "kiosk")).toEqual(["ranker@7", "resolver-unavailable"]);
    } finally {
      await older.stop();
    }
  });
});
