import { rmSync } from "node:fs";
import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { httpCellSource } from "../cells/http-cell-source.ts";
import { audienceDocuments } from "../cli/audience-documents.ts";
import { audienceSchema } from "../config/documents/audience.ts";
import { experimentSchema } from "../config/documents/experiment.ts";
import { ExplainRequestSchema, ResolveRequestSchema } from "../proto/gen/signalbox/resolver/v1/resolver_pb.js";
import { type CellPlatform, startCellPlatform } from "./support/cell-platform.ts";
import { startNats, type TestNats } from "./support/nats.ts";
import { makeTemporaryFolder } from "./support/processes.ts";
import {
  fromLabExperiment,
  publish,
  resolverDocuments,
  startTestResolver,
  type TestResolver,
} from "./support/resolver.ts";
import { callResolver, grpcClient, postJson } from "./support/resolver-client.ts";

const forVips = experimentSchema.parse({
  apiVersion: "signalbox.dev/v1",
  kind: "Experiment",
  metadata: { name: "for-vips" },
  spec: { ...fromLabExperiment.spec, when: { userId: { inAudience: "vips" } }, allocation: { by: "hash" } },
});

const ids = Array.from({ length: 100_000 }, (_, index) => `vip-${index}`);
const documents = [
  ...resolverDocuments,
  ...audienceDocuments("default", "vips", ids).map((each) => audienceSchema.parse(each)),
  forVips,
  fromLabExperiment,
];

let folder: string;
let nats: TestNats;
let resolver: TestResolver;
let platform: CellPlatform;

beforeAll(async () => {
  folder = makeTemporaryFolder();
  nats = await startNats(folder);
  await publish(nats.url, documents);
  platform = await startCellPlatform(["other=control", "from-lab=treatment"]);
  const environment = { RESOLVER_CELLS_URL: platform.url, RESOLVER_CELLS_TIMEOUT_MS: "500" };
  resolver = await startTestResolver({ natsUrl: nats.url, dataFolder: folder, environment });
}, 120_000);
afterAll(async () => {
  await resolver?.stop();
  await nats?.stop();
  platform?.stop();
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
    const asking = httpCellSource(platform.url)(
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
