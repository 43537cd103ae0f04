import { createHash } from "node:crypto";
import { once } from "node:events";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createEchoGrpcClient, type EchoGrpcClient, echoMethods } from "./support/echo-grpc.ts";
import { type EchoServer, startEchoServer } from "./support/echo-server.ts";
import { publishAndWait } from "./support/publish.ts";
import { sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";
import { bodyOf, gzippedBodyOf, send } from "./support/send-body.ts";
import { type System, startSystem } from "./support/system.ts";

const kilobyte = 1024;
const megabyte = 1024 * kilobyte;

let system: System;
let echo: EchoServer;
let grpc: EchoGrpcClient;

beforeAll(async () => {
  [echo, system] = await Promise.all([startEchoServer(), startSystem()]);
  grpc = createEchoGrpcClient(new URL(system.envoyUrl).host);
  await publishAndWait(system, "echoing", [
    sampleShard("http1", [echo.http1Port]),
    sampleShard("http2", [echo.http2Port], { protocol: "http2" }),
    sampleShard("grpc", [echo.grpcPort], { protocol: "grpc" }),
    sampleModel("echo", { http1: ["http1"], http2: ["http2"] }),
    sampleModel("echo-grpc", { "1": ["grpc"] }),
    sampleObjective("echoing-grpc", "echo-grpc", "1"),
    sampleObjective("echoing", "echo", "http1"),
  ]);
});

afterAll(async () => {
  grpc?.close();
  await system?.stop();
  await echo?.stop();
});

const bodies = [
  { title: "of no bytes", body: bodyOf(0) },
  { title: "of 1 KB", body: bodyOf(kilobyte) },
  { title: "of 1 MB", body: bodyOf(megabyte) },
  { title: "of 50 MB", body: bodyOf(50 * megabyte) },
  { title: "of 1 MB whose length is not told (chunked in HTTP/1.1)", body: bodyOf(megabyte), isLengthTold: false },
  { title: "of 50 MB whose length is not told", body: bodyOf(50 * megabyte), isLengthTold: false },
  { title: "that is gzipped", body: gzippedBodyOf(megabyte), headers: { "content-encoding": "gzip" } },
];

for (const protocol of ["http1", "http2"] as const) {
  for (const upstream of ["http1", "http2"] as const) {
    describe(`a client of ${protocol} and a shard of ${upstream}`, () => {
      for (const { title, body, headers, ...options } of bodies) {
        test(`a body ${title} reaches the model as it was sent, and comes back as the model sent it`, async () => {
          const routingKey = `default/echoing/echo@${upstream}`;
          const answer = await send({
            url: `${system.envoyUrl}/echo`,
            protocol,
            body,
            headers: { "x-routing-key": routingKey, ...headers },
            ...options,
          });
          expect(answer).toMatchObject({ status: 200, bytes: body.bytes, sha256: body.sha256 });
          expect(answer.headers["x-signalbox-model"]).toBe(`echo@${upstream}`);
          const received = echo.received.at(-1);
          expect(received).toMatchObject({ protocol: upstream, bytes: body.bytes, sha256: body.sha256 });
          expect(received?.headers["content-encoding"]).toBe(headers?.["content-encoding"]);
          const length = options.isLengthTold === false ? undefined : String(body.bytes);
          expect(received?.headers["content-length"]).toBe(length);
        });
      }
    });
  }
}

describe("a gRPC model", () => {
  const metadata = () => {
    const metadata = new Metadata();
    metadata.set("x-routing-key", "default/echoing-grpc/echo-grpc@1");
    return metadata;
  };

  test("gets one message of 50 MB as it was sent", async () => {
    const body = bodyOf(50 * megabyte);
    const received = await grpc.collect([Buffer.concat([...body.chunks()])], metadata());
    expect(received).toMatchObject({ bytes: body.bytes, sha256: body.sha256 });
    expect(received.headers["x-signalbox-model"]).toBe("echo-grpc@1");
  });

  test("gets a stream of messages in order, and its stream of answers comes back in order", async () => {
    const messages = Array.from({ length: 200 }, (_, index) => Buffer.alloc(index * 200, index));
    const answers = await grpc.stream(messages, metadata());
    const hashes = (all: readonly Buffer[]) => all.map((each) => createHash("sha256").update(each).digest("hex"));
    expect(hashes(answers)).toEqual(hashes(messages));
  });

  test("answers each message before the next one is sent", async () => {
    const client = new Client(new URL(system.envoyUrl).host, credentials.createInsecure());
    const { path, requestSerialize, responseDeserialize } = echoMethods.Stream;
    const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata());
    for (const message of ["one", "two", "three"]) {
      call.write(Buffer.from(message));
      const [answer] = await once(call, "data");
      expect(String(answer)).toBe(message);
    }
    call.end();
    call.resume();
    const [status] = await once(call, "status");
    expect(status).toMatchObject({ code: 0 });
    client.close();
  });
});
