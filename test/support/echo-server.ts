import { createHash } from "node:crypto";
import { createServer as createHttp1Server, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import {
  constants,
  createServer as createHttp2Server,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type EchoGrpcServer, startEchoGrpc } from "./echo-grpc.ts";

/** One request as it arrived. For gRPC, `path` is the method, `headers` the metadata and `bytes` those of the messages. */
export type Received = {
  readonly protocol: "http1" | "http2" | "grpc";
  readonly method: string;
  /** With the query string. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: number;
  readonly sha256: string;
};

export type EchoServer = {
  readonly http1Port: number;
  /** HTTP/2 without TLS, prior knowledge. */
  readonly http2Port: number;
  /** See echo-grpc.ts for the methods. */
  readonly grpcPort: number;
  /** Every request whose body has arrived, in the order of their ends; health checks are left out. */
  readonly received: readonly Received[];
  /** Makes `/ready` answer 503 and the gRPC health service NOT_SERVING, or well again. */
  setHealthy(healthy: boolean): void;
  stop(): Promise<void>;
};

export type EchoServerOptions = {
  /** Sent as `x-echo-server`, so that a test sees which server answered; "echo" by default. */
  readonly name?: string;
  /** 0 or absent: any free port. */
  readonly http1Port?: number;
  readonly http2Port?: number;
  readonly grpcPort?: number;
};

type Request = IncomingMessage | Http2ServerRequest;
/** Node's HTTP/2 compatibility response has all that is used of it here. */
type Response = ServerResponse;
type Call = { readonly request: Request; readonly response: Response; readonly query: URLSearchParams };

/**
 * An upstream that never holds a body: it hashes what arrives chunk by chunk. What it does is decided by the last
 * segment of the path, whatever comes before it, so that paths may be rewritten on the way:
 *
 * - `ready`, `live`, `health`: 200, or 503 while unhealthy.
 * - `echo`: sends the body back while it arrives, then the trailers `x-body-sha256` and `x-body-bytes`.
 * - `sse?count=5&intervalMs=50`: server-sent events `data: {"tick":N}` once the body has arrived.
 * - `slow?delayMs=1000`: as anything else, but the answer comes late.
 * - `late-read?delayMs=1000`: begins to read the body late, so that the sender meets back pressure.
 * - `status?code=503`: answers with that status.
 * - `reset?after=headers`: cuts the connection, before any answer, or after the headers and a part of the body.
 * - anything else: 200 with the JSON of {@link Received}, `x-body-sha256` and `x-body-bytes` in the headers.
 */
export async function startEchoServer(options: EchoServerOptions = {}): Promise<EchoServer> {
  const received: Received[] = [];
  let healthy = true;
  const name = options.name ?? "echo";
  const handle = (request: Request, either: ServerResponse | Http2ServerResponse) => {
    const response = either as ServerResponse;
    response.setHeader("x-echo-server", name);
    answer({ request, response, query: queryOf(request) }, () => healthy, received).catch((error: Error) => {
      if (response.headersSent) request.destroy();
      else endWith(response, 500, { error: error.message });
    });
  };
  const http1 = createHttp1Server(handle);
  const http2 = createHttp2Server(handle);
  const sessions = new Set<ServerHttp2Session>();
  http2.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => {});
    session.once("close", () => sessions.delete(session));
  });
  const grpc: EchoGrpcServer = await startEchoGrpc({ name, port: options.grpcPort ?? 0, received });
  return {
    http1Port: await listen(http1, options.http1Port ?? 0),
    http2Port: await listen(http2, options.http2Port ?? 0),
    grpcPort: grpc.port,
    received,
    setHealthy: (value) => {
      healthy = value;
      grpc.setHealthy(value);
    },
    stop: async () => {
      http1.closeAllConnections();
      for (const session of sessions) session.destroy();
      grpc.stop();
      await Promise.all([closed(http1), closed(http2)]);
    },
  };
}

async function answer(call: Call, isHealthy: () => boolean, received: Received[]): Promise<void> {
  const { request, response, query } = call;
  const action = lastSegment(request);
  if (["ready", "live", "health"].includes(action)) return endWith(response, isHealthy() ? 200 : 503, {});
  if (action === "late-read") await sleep(numberOf(query, "delayMs", 1000));
  const facts = await readBody(call, action === "echo");
  received.push(facts);
  switch (action) {
    case "echo":
      response.addTrailers(bodyHeaders(facts));
      return void response.end();
    case "sse":
      return sendEvents(call);
    case "slow":
      await sleep(numberOf(query, "delayMs", 1000));
      return endWith(response, 200, facts, bodyHeaders(facts));
    case "status":
      return endWith(response, numberOf(query, "code", 503), facts, bodyHeaders(facts));
    case "reset":
      return reset(call);
    default:
      return endWith(response, 200, facts, bodyHeaders(facts));
  }
}

/** Reads the body to its end, and writes each chunk back when `echo`. */
async function readBody({ request, response }: Call, echo: boolean): Promise<Received> {
  const hash = createHash("sha256");
  let bytes = 0;
  if (echo) {
    response.setHeader("content-type", "application/octet-stream");
    response.setHeader("trailer", "x-body-sha256, x-body-bytes");
  }
  for await (const chunk of request as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
    if (echo) await write(response, chunk);
  }
  return {
    protocol: request.httpVersionMajor === 2 ? "http2" : "http1",
    method: request.method ?? "",
    path: request.url ?? "",
    headers: plainHeaders(request),
    bytes,
    sha256: hash.digest("hex"),
  };
}

/** Writes, and waits while the receiver is slower. */
async function write(response: Response, chunk: Buffer): Promise<void> {
  if (response.write(chunk)) return;
  await new Promise<void>((resolve) => {
    const go = () => {
      response.off("drain", go).off("close", go);
      resolve();
    };
    response.once("drain", go).once("close", go);
  });
}

async function sendEvents({ response, query }: Call): Promise<void> {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  const count = numberOf(query, "count", 5);
  for (let tick = 1; tick <= count && !response.destroyed; tick++) {
    response.write(`data: ${JSON.stringify({ tick })}\n\n`);
    if (tick < count) await sleep(numberOf(query, "intervalMs", 50));
  }
  response.end();
}

function reset({ request, response, query }: Call): void {
  if (query.get("after") === "headers") {
    response.writeHead(200, { "content-length": "1000000" });
    response.write("the beginning");
    setTimeout(() => cut(request), 20);
    return;
  }
  cut(request);
}

function cut(request: Request): void {
  if ("stream" in request) request.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  else (request.socket as Socket).resetAndDestroy();
}

function bodyHeaders(facts: Received): Record<string, string> {
  return { "x-body-sha256": facts.sha256, "x-body-bytes": String(facts.bytes) };
}

function endWith(response: Response, status: number, value: unknown, headers: Record<string, string> = {}): void {
  const body = JSON.stringify(value);
  const length = String(Buffer.byteLength(body));
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": length,
    ...headers,
  });
  response.end(body);
}

function plainHeaders(request: Request): Record<string, string> {
  return Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(", ") : `${value}`,
    ]),
  );
}

function queryOf(request: Request): URLSearchParams {
  return new URL(request.url ?? "/", "http://echo").searchParams;
}

function lastSegment(request: Request): string {
  return new URL(request.url ?? "/", "http://echo").pathname.split("/").at(-1) ?? "";
}

function numberOf(query: URLSearchParams, name: string, byDefault: number): number {
  const value = Number(query.get(name) ?? byDefault);
  return Number.isFinite(value) ? value : byDefault;
}

function listen(server: Server | Http2Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host: "127.0.0.1" }, () => resolve((server.address() as { port: number }).port));
  });
}

function closed(server: Server | Http2Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
