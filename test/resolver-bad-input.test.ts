import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { create } from "@bufbuild/protobuf";
import { type ServiceError, status } from "@grpc/grpc-js";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ResolveRequestSchema } from "../proto/gen/signalbox/resolver/v1/resolver_pb.js";
import { eventually } from "./support/processes.ts";
import { type ResolverWorld, startResolverWorld } from "./support/resolver.ts";
import { callResolver, grpcClient, postJson } from "./support/resolver-client.ts";

let world: ResolverWorld;
let url: string;

beforeAll(async () => {
  world = await startResolverWorld();
  url = `${world.resolver.url}/v1/resolve`;
});

afterEach(async () => {
  const { status: code } = await postJson(url, { objective: "ranking", context: { userId: "u1" } });
  expect(code, "a good request after the bad one").toBe(200);
});

afterAll(() => world.stop());

/** What a bad request is answered: status, code, message. */
async function refusal(body: unknown, headers?: Record<string, string>) {
  const answer = await postJson(url, body, headers);
  const error = answer.body.error as { code: string; message: string; problems?: readonly { path: string }[] };
  return { status: answer.status, ...error };
}

describe("a body that is no JSON", () => {
  test.each([
    ["nothing", "", "no body"],
    ["text", "objective=ranking", "not JSON"],
    ["half an object", '{"objective": "ran', "not JSON"],
    ["two objects", '{"objective":"a"}{"objective":"b"}', "not JSON"],
    ["a byte order mark", '\ufeff{"objective":"a"}', "not JSON"],
    ["bytes that are not UTF-8", Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), "not UTF-8"],
    ["a very deep list", "[".repeat(100_000), "not JSON"],
  ])("is refused: %s", async (_name, body, message) => {
    expect(await refusal(body)).toMatchObject({
      status: 400,
      code: "invalid_request",
      message: expect.stringContaining(message),
    });
  });

  test.each([["null"], ["7"], ['"ranking"'], ["[]"], ["[".repeat(5000) + "]".repeat(5000)]])(
    "is refused when it is JSON, but no object (case %#)",
    async (body) => {
      expect(await refusal(body)).toMatchObject({ status: 400, code: "invalid_request" });
    },
  );

  test("is refused by its content type or encoding, with the remedy", async () => {
    const json = JSON.stringify({ objective: "ranking" });
    expect(await refusal(json, { "content-type": "text/plain" })).toMatchObject({
      status: 415,
      code: "unsupported_media_type",
      message: expect.stringContaining("content-type: application/json"),
    });
    expect(await refusal(gzipSync(json), { "content-encoding": "gzip" })).toMatchObject({ status: 415 });
  });

  test("may leave out its content type, and may say charset or a JSON type", async () => {
    for (const type of ["application/json; charset=utf-8", "application/vnd.client+json"]) {
      const { status: code } = await postJson(url, { objective: "ranking" }, { "content-type": type });
      expect(code).toBe(200);
    }
  });
});

describe("a body that is too large", () => {
  test("is refused when its length says so", async () => {
    const context = { userId: "x".repeat(10 * 1024 * 1024) };
    expect(await refusal({ objective: "ranking", context })).toMatchObject({
      status: 413,
      code: "payload_too_large",
      message: expect.stringContaining("262144 bytes"),
    });
  });

  test("is refused when it comes in chunks without a length", async () => {
    const answer = await raw([
      "POST /v1/resolve HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n",
      ...Array.from({ length: 10 }, () => `${(65_536).toString(16)}\r\n${" ".repeat(65_536)}\r\n`),
      "0\r\n\r\n",
    ]);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });
});

describe("a context", () => {
  test("of 10,000 attributes is refused", async () => {
    const context = Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`a${n}`, 1]));
    expect(await refusal({ objective: "ranking", context })).toMatchObject({
      status: 400,
      message: expect.stringContaining("10000 attributes, at most 256"),
    });
  });

  test("with keys that mean something to JavaScript changes nobody else's answer", async () => {
    const before = await postJson(url, { objective: "ranking", context: { userId: "u1" } });
    for (const body of [
      '{"objective":"ranking","context":{"__proto__":"kiosk","constructor":"kiosk","prototype":"kiosk"}}',
      '{"objective":"ranking","context":{"__proto__":{"device":"kiosk"}}}',
      '{"objective":"ranking","__proto__":{"context":{"device":"kiosk"}}}',
      '{"objective":"ranking","context":{},"constructor":{"prototype":{"device":"kiosk"}}}',
    ]) {
      await postJson(url, body);
    }
    const after = await postJson(url, { objective: "ranking", context: { userId: "u1" } });
    expect(after.body).toEqual(before.body);
  });

  test("with values of every wrong kind tells all of them at once", async () => {
    const context = { a: {}, b: [[1]], "c d": 1, e: "x".repeat(20_000) };
    const { problems } = await refusal({ objective: "ranking", context });
    expect(problems?.map(({ path }) => path)).toEqual(["context.a", "context.b[0]", "context.c d", "context.e"]);
  });
});

test("an objective that nobody could have named is invalid, one that nobody has named unknown", async () => {
  expect(await refusal({ objective: "../../etc/passwd" })).toMatchObject({ status: 400 });
  expect(await refusal({ objective: "__proto__" })).toMatchObject({ status: 400 });
  expect(await refusal({ objective: "constructor" })).toMatchObject({ status: 404 });
});

test("another method or path is told what there is", async () => {
  const get = await fetch(url);
  expect([get.status, get.headers.get("allow")]).toEqual([405, "POST"]);
  expect(await get.json()).toMatchObject({ error: { code: "method_not_allowed" } });
  const other = await postJson(`${world.resolver.url}/v2/resolve`, {});
  expect([other.status, other.body.error]).toMatchObject([404, { code: "not_found" }]);
  const notEncoded = await fetch(`${world.resolver.url}/%E0%A4%A`);
  expect((await notEncoded.json()) as object).toHaveProperty("error.code");
});

test("a caller that goes away in the middle of its body is forgotten", async () => {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.write('POST /v1/resolve HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"objective"');
  await eventually("the connection", () => socket.readyState === "open");
  socket.destroy();
  const cancelled = /code="cancelled"/;
  await eventually("the cancellation in the metrics", async () =>
    cancelled.test(await (await fetch(`${world.resolver.url}/metrics`)).text()),
  );
});

describe("gRPC", () => {
  async function failure(init: object): Promise<ServiceError> {
    const client = grpcClient(world.resolver.grpcAddress);
    try {
      await callResolver(client, "Resolve", create(ResolveRequestSchema, init));
    } catch (error) {
      return error as ServiceError;
    } finally {
      client.close();
    }
    throw new Error("it was accepted");
  }

  test("refuses a message that is too large", async () => {
    const context = { userId: "x".repeat(1024 * 1024) };
    expect((await failure({ objective: "ranking", context })).code).toBe(status.RESOURCE_EXHAUSTED);
  });

  test("refuses 10,000 attributes, and a context with nested values", async () => {
    const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`a${n}`, 1]));
    for (const context of [many, { nested: { a: 1 } }]) {
      const error = await failure({ objective: "ranking", context });
      expect(error.code).toBe(status.INVALID_ARGUMENT);
      expect(error.details).toContain("context");
    }
  });
});

/** Writes bytes to the HTTP port and gives what comes back until the first answer has begun. */
function raw(parts: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    socket.once("data", (data) => {
      resolve(data.toString("latin1"));
      socket.destroy();
    });
    socket.once("error", reject);
    for (const part of parts) socket.write(part);
  });
}
