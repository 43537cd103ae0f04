import { rmSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Resolver } from "../proto/gen/signalbox/resolver/v1/resolver_pb.js";
import { startNats, type TestNats } from "./support/nats.ts";
import { namesUnder } from "./support/operations-doc.ts";
import { startOtlpReceiver } from "./support/otlp-receiver.ts";
import { makeTemporaryFolder } from "./support/processes.ts";
import { publish, resolverDocuments, startTestResolver, type TestResolver } from "./support/resolver.ts";

const folder = makeTemporaryFolder();
let nats: TestNats;

beforeAll(async () => {
  nats = await startNats(folder);
  await publish(nats.url, resolverDocuments);
});

afterAll(async () => {
  await nats?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Makes Node write the address of every module of OpenTelemetry that it loads to standard error, but for its API, which
 * the metrics use. */
const reportLoading = `import { registerHooks } from "node:module";
registerHooks({ load(url, context, next) {
  if (url.includes("/@opentelemetry/") && !url.includes("/@opentelemetry/api/")) process.stderr.write("loaded " + url + "\\n");
  return next(url, context);
} });`;
const nodeOptions = `--import data:text/javascript,${encodeURIComponent(reportLoading)}`;

async function startResolver(environment: Readonly<Record<string, string>>): Promise<TestResolver> {
  const own = {
    OTEL_EXPORTER_OTLP_ENDPOINT: "",
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "",
    OTEL_BSP_SCHEDULE_DELAY: "100",
  };
  return await startTestResolver({
    natsUrl: nats.url,
    dataFolder: folder,
    environment: { ...own, ...environment, NODE_OPTIONS: nodeOptions },
  });
}

const traceId = "0af7651916cd43dd8448eb211c80319c";

async function resolve(resolver: TestResolver): Promise<number> {
  const response = await fetch(`${resolver.url}/v1/resolve`, {
    method: "POST",
    headers: { "content-type": "application/json", traceparent: `00-${traceId}-b7ad6b7169203331-01` },
    body: JSON.stringify({ objective: "ranking", context: { userId: "user-1" } }),
  });
  await response.arrayBuffer();
  return response.status;
}

test("with an OTLP endpoint, a resolve is a span of the caller's trace", async () => {
  const receiver = await startOtlpReceiver();
  const resolver = await startResolver({
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_RESOURCE_ATTRIBUTES: "team=ranking",
  });
  try {
    expect(await resolve(resolver)).toBe(200);
  } finally {
    // It sends what is left before it ends.
    await resolver.stop();
    await receiver.stop();
  }
  const [first] = receiver.requests;
  expect(first).toMatchObject({ path: "/v1/traces", contentType: "application/x-protobuf" });
  const bodies = Buffer.concat(receiver.requests.map(({ body }) => body));
  // Strings and ids stand in protobuf as they are.
  for (const text of ["POST /v1/resolve", "signalbox-resolver", "team"]) expect(bodies.includes(text), text).toBe(true);
  expect(bodies.includes(Buffer.from(traceId, "hex"))).toBe(true);
  expect(bodies.includes(Buffer.from("b7ad6b7169203331", "hex"))).toBe(true);
  expect(resolver.output()).toContain("loaded ");
});

test("an OTLP endpoint that is not there changes no answer", async () => {
  const receiver = await startOtlpReceiver();
  await receiver.stop();
  const resolver = await startResolver({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
  expect(await resolve(resolver)).toBe(200);
  await resolver.stop();
});

test.each([
  { without: "an endpoint", environment: {} },
  {
    without: "tracing, though there is an endpoint,",
    environment: { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9", OTEL_SDK_DISABLED: "true" },
  },
])("without $without nothing of its SDK is loaded", async ({ environment }) => {
  const resolver = await startResolver(environment as Readonly<Record<string, string>>);
  expect(await resolve(resolver)).toBe(200);
  await resolver.stop();
  expect(resolver.output()).toContain('"message":"ended"');
  expect(resolver.output()).not.toContain("loaded ");
});

test("the variables in docs/operations.md are those of OpenTelemetry", () => {
  for (const variable of namesUnder("## Traces")) expect(variable).toMatch(/^OTEL_[A-Z_]+$/);
  expect(Resolver.typeName).toBe("signalbox.resolver.v1.Resolver");
});
