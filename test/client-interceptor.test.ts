import { setTimeout as delay } from "node:timers/promises";
import {
  Client,
  credentials,
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { answerFrom } from "../client/answer.ts";
import type { ClientEvent } from "../client/events.ts";
import type { SendingDeps } from "../client/infer.ts";
import { createInterceptor, type GrpcContextOf } from "../client/interceptor.ts";
import { answer, never, resolution } from "../client/testing.ts";
import { untilAborted } from "../config/until-aborted.ts";

const asIs = (bytes: Buffer) => bytes;
const echo: MethodDefinition<Buffer, Buffer> = {
  path: "/test.Echo/Unary",
  requestStream: false,
  responseStream: false,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
};

/** The method, as a stream of requests or of answers. */
function streaming(streams: Pick<typeof echo, "requestStream" | "responseStream">): typeof echo {
  return { ...echo, ...streams, path: `${echo.path}${streams.requestStream ? "Requests" : "Answers"}` };
}

/** What each call was made with, and what is answered by routing key: a status that is not OK, or nothing at all. */
const calls: Metadata[] = [];
let failing: Readonly<Record<string, number | "silent">> = {};
let address = "";
const server = new Server();

beforeAll(async () => {
  server.addService(
    {
      Unary: echo,
      UnaryRequests: streaming({ requestStream: true, responseStream: false }),
      UnaryAnswers: streaming({ requestStream: false, responseStream: true }),
    },
    {
      UnaryRequests: ({ metadata }: ServerReadableStream<Buffer, Buffer>, send: sendUnaryData<Buffer>) => {
        calls.push(metadata);
        send({ code: failing[String(metadata.get("x-routing-key")[0])] as number });
      },
      UnaryAnswers: (call: ServerWritableStream<Buffer, Buffer>) => {
        calls.push(call.metadata);
        call.emit("error", { code: failing[String(call.metadata.get("x-routing-key")[0])] });
      },
      Unary: ({ request, metadata }: ServerUnaryCall<Buffer, Buffer>, send: sendUnaryData<Buffer>) => {
        calls.push(metadata);
        const code = failing[String(metadata.get("x-routing-key")[0])];
        if (code === "silent") return;
        if (code === undefined) send(null, request);
        else send({ code, details: "as the test wants it" });
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  address = `127.0.0.1:${port}`;
});

afterAll(() => server.forceShutdown());

beforeEach(() => {
  calls.length = 0;
  failing = {};
});

const [fallbackKey = ""] = answer.fallbackKeys;

type CallOptions = {
  readonly deadline?: number;
  readonly context?: GrpcContextOf;
  readonly resolving?: Parameters<ReturnType<typeof createInterceptor>>[2];
};

/** A client whose calls go through the interceptor. */
function makeClient(more: Partial<SendingDeps>, { context = {}, resolving }: CallOptions) {
  const events: ClientEvent[] = [];
  const deps: SendingDeps = {
    fetch,
    emit: (event) => events.push(event),
    envoyUrl: undefined,
    defaultFor: () => undefined,
    resolve: async () => answer,
    ...more,
  };
  const interceptor = createInterceptor(deps)("ranking", context, resolving);
  const client = new Client(address, credentials.createInsecure(), { interceptors: [interceptor] });
  onTestFinished(() => client.close());
  return { client, events };
}

function makeCall(more: Partial<SendingDeps> = {}, options: CallOptions = {}) {
  const { client, events } = makeClient(more, options);
  const metadata = new Metadata();
  metadata.set("x-mine", "1");
  const { path, requestSerialize, responseDeserialize } = echo;
  let cancel: () => void = () => undefined;
  const answered = new Promise<string>((resolve, reject) => {
    const call = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      Buffer.from("hello"),
      metadata,
      { deadline: options.deadline },
      (error, bytes) => (error ? reject(error) : resolve(String(bytes))),
    );
    cancel = () => call.cancel();
  });
  return { answered, events, cancel: () => cancel() };
}

const keysSent = () => calls.map((metadata) => metadata.get("x-routing-key")[0]);

test("a call that succeeds is made once", async () => {
  expect(await makeCall().answered).toBe("hello");
  expect(keysSent()).toEqual([answer.routingKey]);
});

describe("a unary call is made again with the fallback key", () => {
  test.each([status.UNKNOWN, status.RESOURCE_EXHAUSTED, status.INTERNAL, status.UNAVAILABLE, status.DATA_LOSS])(
    "after status %s",
    async (code) => {
      failing = { [answer.routingKey]: code };
      const { answered, events } = makeCall();
      expect(await answered).toBe("hello");
      expect(keysSent()).toEqual([answer.routingKey, fallbackKey]);
      expect(calls[1]?.get("x-mine")).toEqual(["1"]);
      expect(calls[1]?.get("x-signalbox-decision")[0]).toContain("model=ranker@7");
      expect(calls[1]?.get("x-signalbox-config")).toEqual([]);
      expect(events).toMatchObject([{ type: "infer-retried", from: answer.routingKey, to: fallbackKey }]);
    },
  );

  test("with the parameters of the default when they are known", async () => {
    failing = { [answer.routingKey]: status.UNAVAILABLE };
    const { answered } = makeCall({ defaultFor: () => answerFrom(resolution("7"), "default") });
    expect(await answered).toBe("hello");
    const [config] = calls[1]?.get("x-signalbox-config") ?? [];
    expect(JSON.parse(Buffer.from(String(config), "base64url").toString())).toMatchObject({ version: "7" });
  });

  test("once: the second failure is told", async () => {
    failing = { [answer.routingKey]: status.UNAVAILABLE, [fallbackKey]: status.INTERNAL };
    await expect(makeCall().answered).rejects.toMatchObject({ code: status.INTERNAL });
    expect(calls).toHaveLength(2);
  });
});

test.each([status.INVALID_ARGUMENT, status.DEADLINE_EXCEEDED, status.NOT_FOUND])(
  "status %s is the answer",
  async (code) => {
    failing = { [answer.routingKey]: code };
    await expect(makeCall().answered).rejects.toMatchObject({ code });
    expect(calls).toHaveLength(1);
  },
);

test("a forced version that fails is the answer", async () => {
  failing = { [answer.routingKey]: status.UNAVAILABLE };
  const resolving = { override: { version: "8" } };
  await expect(makeCall({}, { resolving }).answered).rejects.toMatchObject({ code: status.UNAVAILABLE });
  expect(calls).toHaveLength(1);
});

test.each([
  ["of requests", { requestStream: true, responseStream: false }],
  ["of answers", { requestStream: false, responseStream: true }],
])("a stream %s that fails is the answer, as what came of it may have been used", async (_, streams) => {
  failing = { [answer.routingKey]: status.UNAVAILABLE };
  const { client } = makeClient({}, {});
  const code = await new Promise((resolve) => {
    const fail = (error: { readonly code: number } | null) => resolve(error?.code);
    if (streams.responseStream)
      client.makeServerStreamRequest(streaming(streams).path, asIs, asIs, Buffer.from("x")).on("error", fail).resume();
    else client.makeClientStreamRequest(streaming(streams).path, asIs, asIs, fail as never).end(Buffer.from("x"));
  });
  expect([code, calls.length]).toEqual([status.UNAVAILABLE, 1]);
});

test("the context may be made of the call's metadata, and a call may have years of time", async () => {
  const contexts: unknown[] = [];
  const resolve: SendingDeps["resolve"] = async (_objective, context) => {
    contexts.push(context);
    await delay(20);
    return answer;
  };
  const context: GrpcContextOf = (metadata, { method_definition }) => {
    return { mine: String(metadata.get("x-mine")[0]), path: method_definition.path };
  };
  const deadline = Date.now() + 100 * 24 * 3_600_000;
  expect(await makeCall({ resolve }, { context, deadline }).answered).toBe("hello");
  expect(contexts).toEqual([{ mine: "1", path: echo.path }]);
});

test("a deadline and a cancellation end the second attempt too", async () => {
  failing = { [answer.routingKey]: status.UNAVAILABLE, [fallbackKey]: "silent" };
  await expect(makeCall({}, { deadline: Date.now() + 300 }).answered).rejects.toMatchObject({
    code: status.DEADLINE_EXCEEDED,
  });
  calls.length = 0;
  const { answered, cancel } = makeCall();
  void expect
    .poll(() => calls.length, { timeout: 10_000 })
    .toBe(2)
    .then(cancel);
  await expect(answered).rejects.toMatchObject({ code: status.CANCELLED });
});

describe("while it is not known yet which version answers", () => {
  const untilGivenUp: SendingDeps["resolve"] = (_objective, _context, options) =>
    untilAborted(never(), options?.signal);

  test("a cancellation ends the call, and nothing is sent", async () => {
    const { answered, cancel } = makeCall({ resolve: untilGivenUp });
    cancel();
    await expect(answered).rejects.toMatchObject({ code: status.CANCELLED });
    expect(calls).toEqual([]);
  });

  test("a deadline ends the call, and nothing is sent", async () => {
    const { answered } = makeCall({ resolve: untilGivenUp }, { deadline: Date.now() + 50 });
    await expect(answered).rejects.toMatchObject({ code: status.DEADLINE_EXCEEDED });
    expect(calls).toEqual([]);
  });
});
