import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { Kvm } from "@nats-io/kv";
import { connect } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { StdoutAccessLogSchema } from "../proto/gen/envoy/extensions/access_loggers/stream/v3/stream_pb.js";
import { accessLog } from "../xds-server/resources/access-log.ts";
import { type EchoServer, startEchoServer } from "./support/echo-server.ts";
import { codesOf, namesUnder, operationsText, rowsUnder } from "./support/operations-doc.ts";
import { eventually } from "./support/processes.ts";
import { publishAndWait } from "./support/publish.ts";
import { sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";
import { sourcesUnder } from "./support/sources.ts";
import { type System, startSystem } from "./support/system.ts";

/** Metrics of one process or Envoy: name -> type and the labels seen. */
type Metrics = ReadonlyMap<string, { readonly type: string; readonly labels: ReadonlySet<string> }>;

let system: System;
let echo: EchoServer;

beforeAll(async () => {
  [echo, system] = await Promise.all([startEchoServer(), startSystem({ LOG_LEVEL: "debug" })]);
  await publishAndWait(system, "ranking", [
    sampleShard("gpu-a", [echo.http1Port], {
      healthCheck: { path: "/ready", intervalMs: 200 },
      outlierDetection: { consecutiveErrors: 5 },
    }),
    sampleModel("ranker", { "7": ["gpu-a"] }, "open-inference"),
    sampleObjective("ranking", "ranker", "7"),
  ]);
  await resolve({ objective: "ranking", context: { userId: "user-1" } });
  await resolve({ objective: "nothing" });
  await resolve({ objective: "ranking", override: { version: "7" } });
  await infer();
});

afterAll(async () => {
  await system?.stop();
  await echo?.stop();
});

async function resolve(body: object): Promise<void> {
  const headers = { "content-type": "application/json" };
  await (
    await fetch(`${system.resolverUrl}/v1/resolve`, { method: "POST", headers, body: JSON.stringify(body) })
  ).arrayBuffer();
}

const routingKey = "default/ranking/ranker@7";
const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

async function infer(): Promise<Response> {
  const headers = {
    "x-routing-key": routingKey,
    "x-signalbox-decision": "objective=default/ranking",
    "x-signalbox-client": "checkout",
    traceparent,
  };
  return await fetch(`${system.envoyUrl}/infer`, { method: "POST", headers, body: "{}" });
}

async function scrape(url: string): Promise<Metrics> {
  const text = await (await fetch(url)).text();
  const found = new Map<string, { type: string; labels: Set<string> }>();
  for (const [, name = "", type = ""] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm))
    found.set(name, { type, labels: new Set() });
  for (const [, sample = "", labels = ""] of text.matchAll(/^([a-z_0-9]+)\{(.+?)\} /gim)) {
    const metric = found.get(sample) ?? found.get(sample.replace(/_(bucket|sum|count)$/, ""));
    for (const [, label = ""] of labels.matchAll(/(\w+)="/g)) if (label !== "le") metric?.labels.add(label);
  }
  return found;
}

describe("the metrics in docs/operations.md", () => {
  const processes = [
    { name: "resolver", heading: "### Of the resolver", url: () => `${system.resolverUrl}/metrics` },
    { name: "xds-server", heading: "### Of the xds-server", url: () => `${system.xdsUrl}/metrics` },
  ];

  test.each(processes)("are all that the $name has, with their types and labels", async ({ heading, url }) => {
    const rows = [...rowsUnder("### Of both"), ...rowsUnder(heading)];
    const documented = new Map(
      rows.map(([name, type, labels]) => [codesOf(name)[0] ?? "", { type, labels: codesOf(labels).sort() }]),
    );
    const metrics = await scrape(url());
    const real = [...metrics].filter(([name]) => name.startsWith("signalbox_"));
    expect(real.map(([name]) => name).sort()).toEqual([...documented.keys()].sort());
    for (const [name, { type, labels }] of real) {
      expect(documented.get(name)?.type, name).toBe(type);
      if (labels.size > 0) expect([...labels].sort(), name).toEqual(documented.get(name)?.labels);
    }
    expect(metrics.has("nodejs_eventloop_lag_p99_seconds")).toBe(true);
  });

  test("of the resolver have been seen with all their labels", async () => {
    const metrics = await scrape(`${system.resolverUrl}/metrics`);
    for (const [name, , labels] of rowsUnder("### Of the resolver")) {
      const [metric = ""] = codesOf(name);
      expect([...(metrics.get(metric)?.labels ?? [])].sort(), metric).toEqual(codesOf(labels).sort());
    }
  });

  test("of Envoy exist in a real Envoy", async () => {
    const metrics = await scrape(`${system.adminUrl}/stats/prometheus`);
    for (const name of namesUnder("### Of Envoy")) expect([...metrics.keys()], name).toContain(name);
    expect(metrics.get("envoy_cluster_upstream_rq_xx")?.labels).toContain("envoy_response_code_class");
    expect(metrics.get("envoy_http_downstream_rq_xx")?.labels).toContain("envoy_http_conn_manager_prefix");
  });

  test("of Envoy show an override, and its end", async () => {
    const active = async () => {
      const text = await (await fetch(`${system.adminUrl}/stats/prometheus`)).text();
      return /^envoy_runtime_admin_overrides_active\{\} (\d)$/m.exec(text)?.[1];
    };
    expect(await active()).toBe("0");
    await fetch(`${system.adminUrl}/runtime_modify?signalbox.access_log=100`, { method: "POST" });
    expect(await active()).toBe("1");
    await fetch(`${system.adminUrl}/runtime_modify?signalbox.access_log=`, { method: "POST" });
    expect(await active()).toBe("0");
  });
});

describe("the health in docs/operations.md", () => {
  test("is what the processes answer when they are ready", async () => {
    for (const url of [system.resolverUrl, system.xdsUrl]) {
      const response = await fetch(`${url}/readyz`);
      const { status, checks } = (await response.json()) as {
        status: string;
        checks: Record<string, { detail?: object }>;
      };
      expect([response.status, status]).toEqual([200, "ready"]);
      for (const name of Object.keys(checks)) expect(operationsText).toContain(`\`${name}: `);
      for (const field of Object.keys(checks.documents?.detail ?? {})) expect(operationsText).toContain(`\`${field}\``);
    }
  });
});

/** The value of a metric without labels, on the resolver and on the xds-server. */
async function valuesOf(name: string): Promise<number[]> {
  const texts = await Promise.all(
    [system.resolverUrl, system.xdsUrl].map(async (url) => (await fetch(`${url}/metrics`)).text()),
  );
  return texts.map((text) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]));
}

describe("what docs/operations.md alerts on", () => {
  test("shows a document that somebody published straight to NATS and nobody can use", async () => {
    const connection = await connect({ servers: system.natsUrl });
    const bucket = await new Kvm(connection).open("signalbox");
    expect(await valuesOf("signalbox_documents_rejected")).toEqual([0, 0]);
    await bucket.put("objective.default.broken", "garbage");
    await eventually("both reject it", async () =>
      (await valuesOf("signalbox_documents_rejected")).every((value) => value === 1),
    );
    await bucket.delete("objective.default.broken");
    await eventually("both forget it", async () =>
      (await valuesOf("signalbox_documents_rejected")).every((value) => value === 0),
    );
    await connection.close();
  });

  test("shows a lost NATS, while both processes stay ready, and that it is back", async () => {
    await system.parts.nats.kill();
    await eventually("both are disconnected", async () =>
      (await valuesOf("signalbox_documents_store_connected")).every((value) => value === 0),
    );
    expect((await valuesOf("signalbox_documents_stale_seconds")).every((seconds) => seconds > 0)).toBe(true);
    await eventually("both heartbeats fail", async () =>
      (await valuesOf("signalbox_heartbeat_failing")).every((value) => value === 1),
    );
    for (const url of [system.resolverUrl, system.xdsUrl]) {
      const response = await fetch(`${url}/readyz`);
      expect([response.status, await response.text()]).toEqual([200, expect.stringContaining('"staleSince"')]);
    }
    await system.parts.nats.start();
    await eventually("both are connected", async () =>
      (await valuesOf("signalbox_documents_store_connected")).every((value) => value === 1),
    );
    await eventually("both heartbeats are published", async () =>
      (await valuesOf("signalbox_heartbeat_failing")).every((value) => value === 0),
    );
    expect(await valuesOf("signalbox_documents_stale_seconds")).toEqual([0, 0]);
  });

  test("shows an Envoy that is gone", async () => {
    const envoys = async () => (await valuesOf("signalbox_xds_envoys"))[1];
    expect(await envoys()).toBe(1);
    await system.parts.envoy.kill();
    await eventually("it is gone", async () => (await envoys()) === 0);
    expect((await valuesOf("signalbox_xds_acknowledged_revision"))[1]).toBeNaN();
    await system.parts.envoy.start();
    await eventually("it is back", async () => (await envoys()) === 1);
    await eventually("it serves", async () => (await infer()).status === 200);
  });
});

describe("the logs in docs/operations.md", () => {
  const headings = ["### Events of both", "### Events of the resolver", "### Events of the xds-server"];
  const documented = headings.flatMap(namesUnder);

  test("have every message that the processes can write, and no other", () => {
    const sources = ["resolver", "xds-server", "rollout", "service"]
      .flatMap(sourcesUnder)
      // A program of the tests.
      .filter(({ file }) => !file.startsWith("xds-server/conformance/"))
      .map(({ text }) => text);
    const written = sources.flatMap((text) => [
      ...[...text.matchAll(/\b(?:logger(?:\.\w+|\[\w+\])|logRefusal)\(\s*[\s\S]*?"([^"{}]+)",?\s*\);/g)].map(
        (match) => match[1] ?? "",
      ),
      ...[...text.matchAll(/logError\(\w+, \w+, "([^"]+)"/g)].map((match) => match[1] ?? ""),
      ...[...text.matchAll(/level: "\w+", message: "([^"]+)"/g)].map((match) => match[1] ?? ""),
    ]);
    expect([...new Set(written)].sort()).toEqual([...documented].sort());
  });

  test("have the messages and fields that a running system writes", async () => {
    const lines = [system.parts.resolver, system.parts.xdsServer]
      .flatMap((part) => part.running().output().trim().split("\n"))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.length).toBeGreaterThan(10);
    const rows = new Map(
      headings.flatMap(rowsUnder).map(([message, , fields]) => [codesOf(message)[0], codesOf(fields)]),
    );
    for (const { level, time, process, message, event, ...fields } of lines) {
      expect([level, time, process].every((value) => typeof value === "string")).toBe(true);
      expect(documented).toContain(message);
      for (const field of Object.keys(fields))
        expect(rows.get(String(message)), `${message}: ${field}`).toContain(field);
    }
  });

  test("have the fields of Envoy's access log, and no other", () => {
    const [log] = accessLog("stdout");
    const config =
      log?.configType.case === "typedConfig" ? anyUnpack(log.configType.value, StdoutAccessLogSchema) : undefined;
    const format = config?.accessLogFormat.case === "logFormat" ? config.accessLogFormat.value.format : undefined;
    const fields = format?.case === "jsonFormat" ? Object.keys(format.value) : [];
    expect(fields.length).toBeGreaterThan(20);
    expect(namesUnder("### Envoy's access log").sort()).toEqual(fields.sort());
  });

  test("are right about what an access log line says", async () => {
    const answer = (await (await infer()).json()) as { path: string; headers: Record<string, string> };
    expect(answer.headers.traceparent).toBe(traceparent);
    // Envoy writes its log every ten seconds.
    const findLine = () =>
      system.parts.envoy
        .running()
        .output()
        .split("\n")
        .find((each) => each.includes(`"client":"checkout"`));
    const line = await eventually("the line", findLine, 30_000);
    expect(JSON.parse(line)).toMatchObject({
      event: "request",
      listener: "keyed",
      routingKey,
      model: "ranker@7",
      shard: "default/gpu-a",
      trafficClass: "real",
      path: answer.path,
      status: 200,
      upstreamAttempts: 1,
    });
    expect(answer.path).toBe("/v2/models/ranker/versions/7/infer");
  });
});
