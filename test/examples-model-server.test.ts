import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Client, credentials, status } from "@grpc/grpc-js";
import { service as healthService } from "grpc-health-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openInference } from "../examples/model-server/grpc-server.ts";
import { startModelServer } from "../examples/model-server/model-server.ts";
import { projectFolder } from "../setup/paths.js";
import { freePorts } from "./support/ports.ts";
import { answers, eventually, type Running, startProcess } from "./support/processes.ts";
import { callUnary } from "./support/unary-call.ts";

const request = readFileSync(join(projectFolder, "examples/quickstart/request.json"));
const main = join(projectFolder, "examples/model-server/main.ts");

let running: Running;
let url: string;
let grpc: Client;

const environment = (httpPort: number, grpcPort: number) => ({
  MODEL_SERVER_HTTP_PORT: String(httpPort),
  MODEL_SERVER_GRPC_PORT: String(grpcPort),
  MODEL_SERVER_VERSIONS: "7,8",
});

beforeAll(async () => {
  const [httpPort = 0, grpcPort = 0] = await freePorts(2);
  url = `http://127.0.0.1:${httpPort}`;
  running = await startProcess(process.execPath, [main], {
    environment: environment(httpPort, grpcPort),
    ready: () => answers(`${url}/v2/health/ready`),
  });
  grpc = new Client(`127.0.0.1:${grpcPort}`, credentials.createInsecure());
});

afterAll(async () => {
  grpc.close();
  await running.stop();
});

const post = (path: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
  fetch(url + path, { method: "POST", body, headers });
const json = async (path: string) => (await fetch(url + path)).json();

describe("over REST", () => {
  test("each version answers under its own path, and the last one without a version", async () => {
    for (const [path, version] of [
      ["/v2/models/digits/versions/7/infer", "7"],
      ["/v2/models/digits/versions/8/infer", "8"],
      ["/v2/models/digits/infer", "8"],
    ] as const) {
      const response = await post(path, request);
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({ model_version: version, outputs: [{ data: [4] }, {}] });
    }
  });

  test("the answer carries the hash and the length of the body as it arrived, packed or not", async () => {
    for (const [body, headers] of [
      [request, {}],
      [gzipSync(request), { "content-encoding": "gzip" }],
    ] as const) {
      const response = await post("/v2/models/digits/infer", body, headers);
      expect(response.status).toBe(200);
      expect(response.headers.get("x-body-sha256")).toBe(createHash("sha256").update(body).digest("hex"));
      expect(response.headers.get("x-body-bytes")).toBe(String(body.length));
    }
  });

  test("infer_stream answers row by row", async () => {
    const tensor = JSON.parse(request.toString()).inputs[0];
    const rows = [tensor.data, Array(64).fill(0), tensor.data];
    const body = JSON.stringify({
      inputs: [{ ...tensor, shape: [3, 64], data: rows }],
      outputs: [{ name: "predict" }],
    });
    const response = await post("/v2/models/digits/versions/8/infer_stream", body);
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const events = (await response.text()).trimEnd().split("\n\n");
    const digits = events.map((event) => JSON.parse(event.replace(/^data: /, "")).outputs[0].data[0]);
    expect(digits).toHaveLength(3);
    expect([digits[0], digits[2]]).toEqual([4, 4]);
  });

  test("the server and its models describe themselves", async () => {
    expect(await json("/v2")).toMatchObject({ name: "signalbox-example-model-server" });
    expect(await json("/v2/health/live")).toEqual({ live: true });
    expect(await json("/v2/models/digits/versions/7/ready")).toEqual({ name: "digits", version: "7", ready: true });
    expect(await json("/v2/models/digits")).toMatchObject({
      versions: ["7", "8"],
      inputs: [{ name: "pixels", shape: [-1, 64] }],
    });
  });

  test("what cannot be answered has its status and its reason", async () => {
    for (const [response, expected, reason] of [
      [post("/v2/models/digits/infer", "{"), 400, /no JSON/],
      [post("/v2/models/digits/versions/9/infer", request), 404, /no model digits@9 here/],
      [post("/v2/models/ranker/infer", request), 404, /no model ranker here/],
      [post("/elsewhere", request), 404, /not a path of the Open Inference Protocol/],
      [fetch(`${url}/v2/models/digits/infer`), 405, /takes POST/],
      [post("/v2/models/digits/infer", Buffer.alloc(17 * 1024 * 1024)), 413, /larger than/],
      [post("/v2/models/digits/infer", "garbage", { "content-encoding": "gzip" }), 400, /could not be read/],
      [post("/v2/models/digits/infer", request, { "content-encoding": "br" }), 415, /send gzip/],
    ] as const) {
      const answer = await response;
      expect(answer.status).toBe(expected);
      expect(((await answer.json()) as { error: string }).error).toMatch(reason);
    }
  });

  test("the log says who asked and whether it was for real", async () => {
    await post("/v2/models/digits/infer", request, {
      "x-signalbox-traffic-class": "synthetic",
      "x-signalbox-client": "a-test",
    });
    const line = await eventually("a log line of the request", () =>
      running
        .output()
        .match(/.*"trafficClass":"synthetic".*/)
        ?.at(0),
    );
    expect(JSON.parse(line)).toMatchObject({ message: "inference", client: "a-test", model: "digits@8", rows: 1 });
  });
});

describe("over gRPC", () => {
  const methods = openInference["inference.GRPCInferenceService"] as Parameters<typeof callUnary>[1];
  const call = (name: string, message: object, headers: Record<string, string> = {}) =>
    callUnary(grpc, methods, name, message, headers);
  const pixels = JSON.parse(request.toString()).inputs[0].data as number[];
  const message = (more: object = {}) => ({
    model_name: "digits",
    model_version: "7",
    id: "one",
    inputs: [{ name: "pixels", datatype: "FP64", shape: [1, 64], contents: { fp64_contents: pixels } }],
    ...more,
  });

  test("the version in the message answers", async () => {
    expect(await call("ModelInfer", message())).toMatchObject({
      model_version: "7",
      id: "one",
      outputs: [{ name: "predict", shape: [1, 1], contents: { int64_contents: [4] } }, {}],
    });
  });

  test("the header x-signalbox-model decides over the message, as a shadow needs it", async () => {
    const answer = await call("ModelInfer", message(), { "x-signalbox-model": "digits@8" });
    expect(answer).toMatchObject({ model_version: "8" });
  });

  test("raw tensors are read as well", async () => {
    const answer = await call(
      "ModelInfer",
      message({
        inputs: [{ name: "pixels", datatype: "FP32", shape: [1, 64] }],
        raw_input_contents: [Buffer.from(Float32Array.from(pixels).buffer)],
      }),
    );
    expect(answer).toMatchObject({ outputs: [{ contents: { int64_contents: [4] } }, {}] });
  });

  test("the server and its models describe themselves", async () => {
    expect(await call("ServerLive", {})).toEqual({ live: true });
    expect(await call("ServerReady", {})).toEqual({ ready: true });
    expect(await call("ServerMetadata", {})).toMatchObject({ name: "signalbox-example-model-server" });
    expect(await call("ModelReady", { name: "digits", version: "8" })).toEqual({ ready: true });
    expect(await call("ModelMetadata", { name: "digits" })).toMatchObject({ versions: ["7", "8"] });
  });

  test("a wrong message or an unknown model has its status", async () => {
    await expect(call("ModelInfer", message({ model_version: "9" }))).rejects.toMatchObject({
      code: status.NOT_FOUND,
      details: expect.stringContaining("digits@9"),
    });
    await expect(call("ModelInfer", message({ inputs: [] }))).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  });

  test("the standard health service says that it serves", async () => {
    const health = healthService as unknown as Parameters<typeof callUnary>[1];
    expect(await callUnary(grpc, health, "Check", { service: "inference.GRPCInferenceService" }, {})).toMatchObject({
      status: "SERVING",
    });
  });
});

describe("starting and ending", () => {
  test("SIGTERM lets a request under way finish, and the process ends by itself", async () => {
    const [httpPort = 0, grpcPort = 0] = await freePorts(2);
    const server = await startProcess(process.execPath, [main], {
      environment: environment(httpPort, grpcPort),
      ready: () => answers(`http://127.0.0.1:${httpPort}/v2/health/ready`),
    });
    const socket = createConnection(httpPort, "127.0.0.1");
    const answer: string[] = [];
    socket.on("data", (chunk) => answer.push(String(chunk)));
    socket.write(
      `POST /v2/models/digits/infer HTTP/1.1\r\nhost: x\r\ncontent-length: ${request.length}\r\n\r\n${request.subarray(0, 20)}`,
    );
    // The first half of the body has certainly arrived when a later request was answered.
    await fetch(`http://127.0.0.1:${httpPort}/v2`, { headers: { connection: "close" } });
    const stopped = server.stop("SIGTERM");
    await eventually("the server says that it ends", () => server.output().includes('"ending"'));
    socket.write(request.subarray(20));
    await stopped;
    expect(await server.ended).toBe(0);
    expect(answer.join("")).toContain('"model_version":"8"');
    expect(answer.join("")).toMatch(/connection: close/i);
  });

  test("a bad variable ends it with a message and exit code 1", async () => {
    const server = await startProcess(process.execPath, [main], { environment: { MODEL_SERVER_VERSIONS: "eight" } });
    expect(await server.ended).toBe(1);
    expect(server.output()).toContain("MODEL_SERVER_VERSIONS=eight");
  });

  test("a port that is taken ends it with exit code 1, leaving nothing listening", async () => {
    const port = Number(new URL(url).port);
    const config = { host: "127.0.0.1", httpPort: port, grpcPort: 0, versions: ["7"] };
    await expect(startModelServer(config, () => {})).rejects.toThrow("EADDRINUSE");
    const server = await startProcess(process.execPath, [main], { environment: environment(port, 0) });
    expect(await server.ended).toBe(1);
    expect(server.output()).toContain(String(port));
  });
});
