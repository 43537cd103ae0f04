import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Client, credentials } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadFiles } from "../config/load.ts";
import { connectStore } from "../config/store/document-store.ts";
import { openInference } from "../examples/model-server/grpc-server.ts";
import { projectFolder } from "../setup/paths.js";
import { freePorts } from "./support/ports.ts";
import { answers, eventually, type Running, startProcess } from "./support/processes.ts";
import { type System, startSystem } from "./support/system.ts";
import { callUnary } from "./support/unary-call.ts";

const folder = join(projectFolder, "examples/quickstart");
const requestBody = readFileSync(join(folder, "request.json"));

type TestServer = { readonly running: Running; readonly httpPort: number; readonly grpcPort: number };

let system: System;
let server7: TestServer;
let server8: TestServer;

beforeAll(async () => {
  [server7, server8, system] = await Promise.all([startModelServer("7"), startModelServer("8"), startSystem()]);
  await publish();
  await eventually("every version answers through Envoy", async () => {
    const rest = await Promise.all(["7", "8"].map((version) => infer(keyOf(version))));
    const grpc = await Promise.all(["7", "8"].map((version) => modelInfer(version)));
    return rest.every(({ status }) => status === 200) && grpc.length === 2;
  });
});

afterAll(async () => {
  await Promise.all([system?.stop(), server7?.running.stop(), server8?.running.stop()]);
});

test("each version answers for its routing key, on its own shard", async () => {
  for (const [version, shard] of [
    ["7", "default/digits-a"],
    ["8", "default/digits-b"],
  ] as const) {
    const response = await infer(keyOf(version));
    expect(response.headers.get("x-signalbox-model")).toBe(`digits@${version}`);
    expect(response.headers.get("x-signalbox-shard")).toBe(shard);
    expect(await response.json()).toMatchObject({ model_version: version, outputs: [{ data: [4] }, {}] });
  }
});

test("traffic class and client reach the model's log, and a shadow is marked as one", async () => {
  for (let request = 0; request < 200; request++) {
    await infer(keyOf("7"), { "x-signalbox-traffic-class": "test", "x-signalbox-client": "the-tour" });
  }
  const real = await eventually("the request in version 7's log", () => logged(server7, "test")[0]);
  expect(real).toMatchObject({ client: "the-tour", model: "digits@7", routingKey: keyOf("7") });
  // 5 % of 200: that none is shadowed has a chance of 0.00004. Other tests' requests may be, too.
  const shadow = await eventually("a shadow in version 8's log", () =>
    logged(server8, "shadow").find(({ client }) => client === "the-tour"),
  );
  expect(shadow).toMatchObject({ model: "digits@8" });
});

test("infer_stream passes Envoy event by event", async () => {
  const { data, ...tensor } = JSON.parse(requestBody.toString()).inputs[0];
  const rows = 10;
  const body = JSON.stringify({ inputs: [{ ...tensor, shape: [rows, 64], data: Array(rows).fill(data) }] });
  const response = await infer(keyOf("8"), {}, body, "/infer_stream");
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  let chunks = 0;
  let text = "";
  for await (const chunk of response.body ?? []) {
    chunks++;
    text += Buffer.from(chunk).toString("utf8");
  }
  expect(text.split("\n\n").filter(Boolean)).toHaveLength(rows);
  // The server leaves 20 ms between two events: a proxy that gathers them would send one chunk.
  expect(chunks).toBeGreaterThan(1);
});

test("over gRPC, the routing key's version answers whatever the message says", async () => {
  expect(await modelInfer("7", "8")).toMatchObject({ model_version: "7" });
  expect(await modelInfer("8")).toMatchObject({
    model_version: "8",
    outputs: [{ name: "predict", contents: { int64_contents: [4] } }, {}],
  });
});

const keyOf = (version: string) => `default/quickstart/digits@${version}`;

async function startModelServer(version: string): Promise<TestServer> {
  const [httpPort, grpcPort] = (await freePorts(2)) as [number, number];
  const running = await startProcess(process.execPath, [join(projectFolder, "examples/model-server/main.ts")], {
    environment: {
      MODEL_SERVER_VERSIONS: version,
      MODEL_SERVER_HTTP_PORT: String(httpPort),
      MODEL_SERVER_GRPC_PORT: String(grpcPort),
    },
    ready: () => answers(`http://127.0.0.1:${httpPort}/v2/health/ready`),
  });
  return { running, httpPort, grpcPort };
}

/** The quickstart's documents, on the ports of this test's servers. */
async function publish(): Promise<void> {
  const ports = new Map([
    [9107, server7.httpPort],
    [9117, server7.grpcPort],
    [9108, server8.httpPort],
    [9118, server8.grpcPort],
  ]);
  const { documents } = await loadFiles([folder]);
  const store = await connectStore({ servers: system.natsUrl });
  await store.apply(
    documents.map(({ document }) => {
      if (document.kind !== "Shard") return { document };
      const endpoints = document.spec.endpoints?.map((at) => ({ ...at, port: ports.get(at.port) ?? at.port }));
      return { document: { ...document, spec: { ...document.spec, endpoints } } };
    }),
  );
  await store.close();
}

function infer(
  routingKey: string,
  headers: Record<string, string> = {},
  body: string | Uint8Array<ArrayBuffer> = requestBody,
  path = "/infer",
): Promise<Response> {
  return fetch(system.envoyUrl + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers, "x-routing-key": routingKey },
    body,
  });
}

async function modelInfer(version: string, versionInMessage = ""): Promise<object> {
  const client = new Client(new URL(system.envoyUrl).host, credentials.createInsecure());
  try {
    const methods = openInference["inference.GRPCInferenceService"] as Parameters<typeof callUnary>[1];
    const pixels = JSON.parse(requestBody.toString()).inputs[0].data;
    const tensor = { name: "pixels", datatype: "FP64", shape: [1, 64], contents: { fp64_contents: pixels } };
    const message = { model_name: "digits", model_version: versionInMessage, inputs: [tensor] };
    const headers = { "x-routing-key": `default/quickstart-grpc/digits-grpc@${version}` };
    return await callUnary(client, methods, "ModelInfer", message, headers);
  } finally {
    client.close();
  }
}

/** The log lines of inferences with this traffic class. */
function logged(server: TestServer, trafficClass: string): Record<string, unknown>[] {
  const lines = server.running.output().split("\n");
  return lines
    .filter((line) => line.startsWith("{") && line.endsWith("}"))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((facts) => facts.message === "inference" && facts.trafficClass === trafficClass);
}
