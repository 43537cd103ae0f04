import { request as requestHttp } from "node:http";
import { connect as connectHttp2, constants } from "node:http2";
import { request as requestHttps } from "node:https";
import { connect as connectTcp } from "node:net";
import type { Shard } from "../../config/documents/shard.ts";

/** A host of a shard, and how it says that it is ready: what Envoy's own health checks ask. */
export type ProbeTarget = { readonly address: string; readonly port: number; readonly spec: Shard["spec"] };

/** Whether a host is ready: null, or why not. Never rejects; takes the check's time limit at most. */
export async function probeHost({ address, port, spec }: ProbeTarget): Promise<string | null> {
  const timeoutMs = spec.healthCheck?.timeoutMs ?? spec.connectTimeoutMs;
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    await ask({ address, port, spec }, signal);
    return null;
  } catch (error) {
    if (signal.aborted) return `does not answer within ${timeoutMs} ms`;
    return error instanceof Error ? error.message : String(error);
  }
}

function ask(target: ProbeTarget, signal: AbortSignal): Promise<void> {
  const { protocol, healthCheck, tls } = target.spec;
  // Without the authorities and names of the Envoy's machine, what is behind TLS cannot be asked over HTTP/2.
  if (!healthCheck || (tls && protocol !== "http1")) return tcp(target, signal);
  // A host that wants a client certificate tells others nothing.
  if (tls?.clientSecret !== undefined) return tcp(target, signal);
  if (protocol === "grpc") return grpcHealth(target, healthCheck.grpcService ?? "", signal);
  if (healthCheck.path === undefined) return tcp(target, signal);
  return protocol === "http2" ? http2(target, healthCheck.path, signal) : http1(target, healthCheck.path, signal);
}

function tcp({ address, port }: ProbeTarget, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host: address, port, signal });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.destroy();
      resolve();
    });
  });
}

function http1({ address, port, spec }: ProbeTarget, path: string, signal: AbortSignal): Promise<void> {
  const send = spec.tls ? requestHttps : requestHttp;
  // Only asks whether somebody is there; whom Envoy trusts is Envoy's own check.
  const tls = spec.tls ? { rejectUnauthorized: false, servername: spec.tls.serverName } : {};
  return new Promise((resolve, reject) => {
    const sent = send({ host: address, port, path, agent: false, signal, ...tls }, (response) => {
      response.resume();
      if (response.statusCode === 200) resolve();
      else reject(new Error(`answers ${path} with ${response.statusCode}`));
    });
    sent.once("error", reject);
    sent.end();
  });
}

type Answer = { readonly status: number; readonly grpcStatus: string | undefined; readonly body: Buffer };

async function http2(target: ProbeTarget, path: string, signal: AbortSignal): Promise<void> {
  const { status } = await overHttp2(target, { ":path": path }, undefined, signal);
  if (status !== 200) throw new Error(`answers ${path} with ${status}`);
}

/** grpc.health.v1.Health/Check, whose answer is one enum: 1 is SERVING. */
async function grpcHealth(target: ProbeTarget, service: string, signal: AbortSignal): Promise<void> {
  const name = Buffer.from(service);
  const message = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(message.length, 1);
  const headers = {
    ":method": "POST",
    ":path": "/grpc.health.v1.Health/Check",
    "content-type": "application/grpc",
    te: "trailers",
  };
  const { grpcStatus, body } = await overHttp2(target, headers, Buffer.concat([frame, message]), signal);
  if (grpcStatus !== "0") throw new Error(`answers the gRPC health check with status ${grpcStatus ?? "none"}`);
  if (!body.subarray(5).equals(Buffer.from([0x08, 1]))) throw new Error("says NOT_SERVING");
}

function overHttp2(
  { address, port }: ProbeTarget,
  headers: Readonly<Record<string, string>>,
  body: Buffer | undefined,
  signal: AbortSignal,
): Promise<Answer> {
  return new Promise<Answer>((resolve, reject) => {
    const session = connectHttp2(`http://${address.includes(":") ? `[${address}]` : address}:${port}`);
    const end = () => session.destroy();
    signal.addEventListener("abort", end, { once: true });
    session.once("error", reject);
    session.once("close", () => {
      signal.removeEventListener("abort", end);
      reject(new Error("closed the connection"));
    });
    const stream = session.request({ ...headers }, { endStream: body === undefined });
    const chunks: Buffer[] = [];
    let status = 0;
    let grpcStatus: string | undefined;
    const noteGrpcStatus = (from: Readonly<Record<string, unknown>>) => {
      const value = from["grpc-status"];
      if (typeof value === "string") grpcStatus = value;
    };
    stream.once("response", (response) => {
      status = Number(response[constants.HTTP2_HEADER_STATUS]);
      noteGrpcStatus(response);
    });
    stream.once("trailers", noteGrpcStatus);
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.once("error", reject);
    stream.once("end", () => {
      resolve({ status, grpcStatus, body: Buffer.concat(chunks) });
      session.close();
    });
    if (body) stream.end(body);
  });
}
