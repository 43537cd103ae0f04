import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { type RunOptions, signalbox } from "./support/command-line.ts";
import { type EchoServer, startEchoServer } from "./support/echo-server.ts";
import { eventually } from "./support/processes.ts";
import { publishAndWait } from "./support/publish.ts";
import { sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";
import { type System, startSystem } from "./support/system.ts";
import { putBytes } from "./support/tenant.ts";

const token = "let-me-in";
let system: System;
let echo: EchoServer;
let revision: number;

beforeAll(async () => {
  echo = await startEchoServer();
  const sum = createHash("sha256").update(token).digest("hex");
  system = await startSystem({ RESOLVER_OVERRIDE_TOKENS: `default=${sum}` });
  const variants = [
    { name: "stable", weight: 90, model: "ranker", version: "7" },
    { name: "canary", weight: 10, model: "ranker", version: "8" },
  ];
  revision = await publishAndWait(system, "ranking", [
    sampleShard("pool", [echo.http1Port]),
    sampleModel("ranker", { "7": ["pool"], "8": ["pool"] }),
    sampleObjective("ranking", "ranker", "7", {
      rules: [
        { name: "kiosks", when: { device: "kiosk" }, serve: { model: "ranker", version: "8", parameters: { k: 5 } } },
        { name: "experiment", split: { variants } },
      ],
    }),
  ]);
});

afterAll(async () => {
  await system?.stop();
  await echo?.stop();
});

const run = (line: string, options: RunOptions = {}) =>
  signalbox(line.split(" "), { ...options, environment: { ...system.environment, ...options.environment } });

describe("resolve", () => {
  test("prints which version answers, as a table, JSON and YAML", async () => {
    const table = await run("resolve ranking -c device=kiosk userId=user-1");
    expect(table).toMatchObject({ code: 0, stderr: "" });
    expect(table.stdout).toMatch(
      /^ROUTING KEY +MODEL +RULE +VARIANT +REVISION +TTL\ndefault\/ranking\/ranker@8 +ranker@8 +kiosks +-/,
    );
    const json = JSON.parse((await run("resolve default/ranking -c userId=user-1 -o json")).stdout);
    expect(json).toMatchObject({ objective: "default/ranking", revision, config: { rule: "experiment" } });
    expect(json.headers["x-routing-key"]).toBe(json.routingKey);
    expect(parse((await run("resolve ranking -c userId=user-1 -o yaml")).stdout)).toEqual(json);
  });

  test("says when the unit is missing that a split needs", async () => {
    const { code, stderr } = await run("resolve ranking");
    expect(code).toBe(0);
    expect(stderr).toContain("the context has no unit");
  });

  test("forces a version for those who may", async () => {
    const denied = await run("resolve ranking --override ranker@8");
    expect(denied).toMatchObject({ code: 1, stderr: expect.stringContaining("override_denied") });
    const forced = await run("resolve ranking --override ranker@8 -o json", {
      environment: { SIGNALBOX_TOKEN: token },
    });
    expect(JSON.parse(forced.stdout).config).toMatchObject({ version: "8", rule: "override" });
  });

  test("passes on why the resolver refuses, every problem of it", async () => {
    const unknown = await run("resolve rankin");
    expect(unknown).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("unknown_objective") });
    const bad = await run("resolve ranking -c $x=1 9=2");
    expect(bad.code).toBe(1);
    expect(bad.stderr).toContain("$x");
    expect(bad.stderr).toContain("9");
  });
});

test("explain says of every rule why it did or did not match, with the bucket", async () => {
  const table = await run("explain ranking -c userId=user-1 device=tv");
  expect(table).toMatchObject({ code: 0, stderr: "" });
  expect(table.stdout).toContain(`default/ranking at revision ${revision} answers ranker@`);
  expect(table.stdout).toContain('unit userId: "user-1"');
  expect(table.stdout).toMatch(/kiosks +not matched +device: .*"tv"/);
  expect(table.stdout).toMatch(
    /experiment +chosen +no condition: always matches +bucket \d+: .*>(stable 90|canary 10)/,
  );
  const json = JSON.parse((await run("explain ranking -c userId=user-1 -o json")).stdout);
  expect(json.rules.map(({ rule }: { rule: string }) => rule)).toEqual(["kiosks", "experiment"]);
  expect(json.rules[1].split.arms).toHaveLength(2);
});

describe("infer", () => {
  test("sends the body through Envoy to the version chosen, and prints the answer", async () => {
    const data = join(system.folder, "request.json");
    writeFileSync(data, '{ "inputs": [9007199254740993] }');
    const before = echo.received.length;
    const line = `infer ranking -c userId=user-1 -d @${data} --traffic-class test -v`;
    const { code, stdout, stderr } = await run(line);
    expect(code).toBe(0);
    const received = echo.received[before];
    expect(received).toMatchObject({ method: "POST", path: "/infer", bytes: 32 });
    expect(received?.headers).toMatchObject({
      "x-signalbox-client": "signalbox-cli",
      "x-signalbox-traffic-class": "test",
    });
    expect(JSON.parse(stdout)).toMatchObject({ sha256: received?.sha256 });
    expect(stderr).toMatch(/^default\/ranking\/ranker@[78] \(rule experiment, revision \d+\)\nHTTP 200\n/);
    expect(stderr).toMatch(/x-signalbox-model: ranker@[78]/);
  });

  test("puts the parameters of the version into a JSON body, and leaves other bodies as they are", async () => {
    const kiosk = "infer ranking -c device=kiosk --path echo -d @-";
    const sent = await run(kiosk, { input: '{"inputs":[1.0]}' });
    expect(sent.stdout).toBe('{"inputs":[1.0],"parameters":{"k":5}}');
    expect((await run(kiosk, { input: "a\nb" })).stdout).toBe("a\nb");
  });

  test("ends with 1 when the model answers with an error, and with 3 when Envoy is away", async () => {
    expect(await run("infer ranking -d {} --path /status?code=422")).toMatchObject({ code: 1 });
    const away = await run("infer ranking -d {}", { environment: { ENVOY_URL: "http://127.0.0.1:1" } });
    expect(away).toMatchObject({ code: 3, stderr: expect.stringContaining("set ENVOY_URL") });
  });
});

describe("status", () => {
  const status = async () => JSON.parse((await run("status -o json")).stdout);

  test("shows every process with its revision, and what each Envoy acknowledged", async () => {
    await eventually("the heartbeats tell the newest revision", async () => {
      const { processes } = await status();
      const acknowledged = processes.flatMap(({ envoys = [] }) =>
        envoys.map((envoy: { acknowledgedRevision: number }) => envoy.acknowledgedRevision),
      );
      return processes.length === 2 && acknowledged.length === 1 && acknowledged[0] === revision;
    });
    const { stdout } = await run("status");
    expect(stdout).toContain(`Newest revision: ${revision}\n`);
    expect(stdout).toMatch(new RegExp(`resolver +\\S+ +- +${revision} +${revision} +0 +connected`));
    expect(stdout).toMatch(new RegExp(`xds-server +\\S+ +- +${revision} +${revision} +0 +connected`));
    expect(stdout).toMatch(/ENVOY +CLUSTER +GROUP +XDS-SERVER +ACKNOWLEDGED +REFUSED\n\S+/);
    expect(stdout).not.toContain("(behind)");
    expect(stdout).not.toContain("Overrides");
  });

  test("shows an override that was set on Envoy's admin page until it is removed", async () => {
    const key = "signalbox.placement.default.ranker@7.default/pool";
    const modify = (value: string) =>
      fetch(`${system.adminUrl}/runtime_modify?${encodeURIComponent(key)}=${value}`, { method: "POST" });
    expect((await modify("50")).status).toBe(200);
    expect((await status()).overrides).toEqual([{ envoy: system.adminUrl, key, value: "50" }]);
    expect((await run("status")).stdout).toMatch(
      /Overrides set on Envoy's admin page[\s\S]*signalbox\.placement.* +50/,
    );
    expect((await modify("")).status).toBe(200);
    expect((await status()).overrides).toEqual([]);
  });

  test("shows a document that was refused, by whom, which revision, which field and why, until it is mended", async () => {
    await putBytes(system.natsUrl, "objective.default.ranking", '{"kind":"Objective","spec":{"defalt":1}}');
    await eventually("both processes tell it", async () => {
      const { processes } = await status();
      return processes.every(({ rejections }: { rejections: unknown[] }) => rejections.length === 1);
    });
    const { stdout } = await run("status");
    expect(stdout).toContain("Rejected documents");
    expect(stdout).toMatch(/objective\.default\.ranking +\d+ +spec\.defalt .*did you mean "?default.* resolver /);
    expect(stdout).toMatch(/objective\.default\.ranking .* xds-server /);
    expect((await run("rollback objective ranking")).code).toBe(0);
    await eventually("it is gone", async () => !(await run("status")).stdout.includes("Rejected"));
  });
});
