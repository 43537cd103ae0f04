import { rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline, Readable } from "node:stream";
import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { audienceDocuments } from "../cli/audience-documents.ts";
import { audienceSchema } from "../config/documents/audience.ts";
import { experimentSchema } from "../config/documents/experiment.ts";
import { ExplainRequestSchema, ResolveRequestSchema } from "../proto/gen/signalbox/resolver/v1/resolver_pb.js";
import { httpCellSource } from "../resolver/http-cell-source.ts";
import { startNats, type TestNats } from "./support/nats.ts";
import { makeTemporaryFolder } from "./support/processes.ts";
import { publish, resolverDocuments, startTestResolver, type TestResolver } from "./support/resolver.ts";
import { callResolver, grpcClient, postJson } from "./support/resolver-client.ts";

const apiVersion = "signalbox.dev/v1";
const arms = { control: { model: "ranker", version: "7" }, treatment: { model: "ranker", version: "8" } };

/** An experiment on the objective `ranking`, for one country. */
function experiment(name: string, country: string, spec: object) {
  return experimentSchema.parse({
    apiVersion,
    kind: "Experiment",
    metadata: { name },
    spec: {
      when: { country },
      arms: [{ name: "control" }, { name: "treatment" }],
      targets: [{ objective: "ranking", arms }],
      ...spec,
    },
  });
}

const ids = Array.from({ length: 100_000 }, (_, index) => `vip-${index}`);
const documents = [
  ...resolverDocuments,
  ...audienceDocuments("default", "vips", ids).map((each) => audienceSchema.parse(each)),
  experiment("for-vips", "US", { when: { userId: { inAudience: "vips" } } }),
  experiment("from-lab", "FR", { allocation: { by: "cells" } }),
];

function* endless() {
  for (;;) yield Buffer.alloc(64 * 1024, " ");
}

/** An outside platform: it knows unit u1, keeps u2 waiting for ever, answers without end for u4, and fails for the rest. */
function startPlatform(): Promise<{ readonly server: Server; readonly url: string; readonly asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    const unit = new URL(request.url ?? "", "http://x").searchParams.get("unit");
    if (unit === "u2") return;
    if (unit === "u4") return void pipeline(Readable.from(endless()), response, () => undefined);
    response.statusCode = unit === "u1" ? 200 : 500;
    response.end(JSON.stringify({ cells: ["other=control", "from-lab=treatment"] }));
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      resolve({ server, url: `http://127.0.0.1:${port}/cells?key=k`, asked });
    });
  });
}

let folder: string;
let nats: TestNats;
let resolver: TestResolver;
let platform: Awaited<ReturnType<typeof startPlatform>>;

beforeAll(async () => {
  folder = makeTemporaryFolder();
  nats = await startNats(folder);
  await publish(nats.url, documents);
  platform = await startPlatform();
  const environment = { RESOLVER_CELLS_URL: platform.url, RESOLVER_CELLS_TIMEOUT_MS: "500" };
  resolver = await startTestResolver({ natsUrl: nats.url, dataFolder: folder, environment });
}, 120_000);
afterAll(async () => {
  await resolver?.stop();
  await nats?.stop();
  platform?.server.closeAllConnections();
  platform?.server.close();
  rmSync(folder, { recursive: true, force: true });
});

async function decided(context: object) {
  const { body } = await postJson(`${resolver.url}/v1/resolve`, { objective: "ranking", context });
  const { reason, config } = body as { reason: string; config: { rule: string; variant: string | null } };
  return { reason, rule: config.rule, variant: config.variant };
}

describe("a resolver with experiments", () => {
  test("puts members of a long audience list, and nobody else, into the experiment", async () => {
    expect(await decided({ userId: "vip-99999" })).toMatchObject({ reason: "experiment", rule: "for-vips" });
    expect(await decided({ userId: "vip-100000" })).toMatchObject({ reason: "rule", rule: "canary" });
  });

  test("takes the arm from cells in the context, without asking the platform", async () => {
    const before = platform.asked.length;
    const cells = ["from-lab=control"];
    expect(await decided({ userId: "u9", country: "FR", cells })).toMatchObject({
      rule: "from-lab",
      variant: "control",
    });
    expect(platform.asked).toHaveLength(before);
  });

  test("asks the platform for cells once, and keeps what its URL says", async () => {
    const context = { userId: "u1", country: "FR" };
    expect(await decided(context)).toMatchObject({ rule: "from-lab", variant: "treatment" });
    expect(await decided(context)).toMatchObject({ rule: "from-lab", variant: "treatment" });
    const asked = platform.asked.filter((url) => url.endsWith("unit=u1"));
    expect(asked).toEqual(["/cells?key=k&namespace=default&attribute=userId&unit=u1"]);
  });

  test("does not ask the platform for a context that the experiment is not for, or without a unit", async () => {
    const before = platform.asked.length;
    expect(await decided({ userId: "u1", country: "DE" })).toMatchObject({ reason: "rule" });
    expect(await decided({ country: "FR" })).toMatchObject({ reason: "unit_missing" });
    expect(platform.asked).toHaveLength(before);
  });

  test("asks the platform by OpenFeature's targeting key, for one flag and for all", async () => {
    const flags = `${resolver.url}/ofrep/v1/evaluate/flags`;
    const body = { context: { targetingKey: "u1", country: "FR" } };
    const expected = { key: "ranking", variant: "treatment", metadata: { rule: "from-lab" } };
    expect((await postJson(`${flags}/ranking`, body)).body).toMatchObject(expected);
    expect((await postJson(flags, body)).body).toMatchObject({ flags: [expected] });
  });

  test("answers by rules when the platform is late or fails, and counts it", async () => {
    expect(await decided({ userId: "u2", country: "FR" })).toMatchObject({ reason: "rule", rule: "canary" });
    expect(await decided({ userId: "u3", country: "FR" })).toMatchObject({ reason: "rule", rule: "canary" });
    const metrics = await (await fetch(`${resolver.url}/metrics`)).text();
    expect(metrics).toMatch(/^signalbox_resolver_cell_lookups_total\{.*outcome="late".*\} 1$/m);
    expect(metrics).toMatch(/^signalbox_resolver_cell_lookups_total\{.*outcome="failed".*\} 1$/m);
  });

  test("reads no more of a platform's answer than cells may have", async () => {
    const asking = httpCellSource(platform.url).cellsOf(
      { namespace: "default", attribute: "userId", unit: "u4" },
      new AbortController().signal,
    );
    await expect(asking).rejects.toThrow("more than 2097152 bytes");
  });

  test("answers Envoy the same, for requests in one-call mode", async () => {
    const decision = async (headers: Record<string, string>) => {
      const named = { "x-signalbox-objective": "default/ranking", ...headers };
      const response = await fetch(`${resolver.url}/v1/one-call/infer`, { headers: named });
      return response.headers.get("x-signalbox-decision");
    };
    const prefix = "x-signalbox-context-";
    expect(await decision({ [`${prefix}userid`]: "vip-99999" })).toContain("rule=for-vips;");
    const french = { [`${prefix}country`]: "FR" };
    expect(await decision({ ...french, [`${prefix}userid`]: "u1" })).toContain("rule=from-lab;variant=treatment;");
    const given = { ...french, [`${prefix}userid`]: "u9", [`${prefix}cells`]: "a=b, from-lab=control" };
    expect(await decision(given)).toContain("rule=from-lab;variant=control;");
  });

  test("answers and explains the same over gRPC", async () => {
    const client = grpcClient(resolver.grpcAddress);
    try {
      const message = { objective: "ranking", context: { userId: "u1", country: "FR" } };
      expect(await callResolver(client, "Resolve", create(ResolveRequestSchema, message))).toMatchObject({
        results: [{ outcome: { value: { reason: "experiment", config: { rule: "from-lab", variant: "treatment" } } } }],
      });
      expect(await callResolver(client, "Explain", create(ExplainRequestSchema, message))).toMatchObject({
        results: [{ outcome: { value: { experiments: [{ outcome: "not_matched" }, { outcome: "chosen" }] } } }],
      });
    } finally {
      client.close();
    }
  });
});
