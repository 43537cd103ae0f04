import { Agent, request } from "node:http";
import { connect } from "node:http2";
import { Client, credentials, Metadata, type MethodDefinition } from "@grpc/grpc-js";
import { openInference } from "../../examples/model-server/grpc-server.ts";

export type TransportAnswer = {
  /** That of HTTP; of a gRPC call that succeeded, 200. */
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
};

/** A way to send a request to a model: one connection, or a few. */
export type Transport = {
  /** Rejects when there is no answer. */
  send(headers: Readonly<Record<string, string>>): Promise<TransportAnswer>;
  close(): void;
};

export const protocols = ["http1", "http2", "grpc"] as const;
export type TransportProtocol = (typeof protocols)[number];

/** `url` is a listener of Envoy, such as `http://127.0.0.1:10000`. */
export function openTransport(protocol: TransportProtocol, url: string): Transport {
  return { http1: http1Transport, http2: http2Transport, grpc: grpcTransport }[protocol](url);
}

/** Posts a text over HTTP/1.1. */
export function post(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  agent: Agent,
): Promise<TransportAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, method: "POST", headers, timeout: 20_000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      );
    });
    sent.on("timeout", () => sent.destroy(new Error("no answer within 20 s")));
    sent.on("error", reject);
    sent.end(body);
  });
}

function http1Transport(url: string): Transport {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return { send: (headers) => post(`${url}/hash`, headers, "{}", agent), close: () => agent.destroy() };
}

function http2Transport(url: string): Transport {
  let session: ReturnType<typeof connect> | undefined;
  const open = () => {
    if (session && !session.closed && !session.destroyed) return session;
    session = connect(url);
    session.on("error", () => session?.destroy());
    return session;
  };
  const send: Transport["send"] = (headers) =>
    new Promise((resolve, reject) => {
      const stream = open().request({ ":method": "POST", ":path": "/hash", ...headers });
      const chunks: Buffer[] = [];
      let status = 0;
      let answer: Readonly<Record<string, unknown>> = {};
      stream.on("response", (response) => {
        status = Number(response[":status"]);
        answer = response;
      });
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("error", reject);
      stream.on("close", () => {
        if (status === 0) reject(new Error("the connection was lost"));
        else resolve({ status, headers: answer, body: Buffer.concat(chunks).toString() });
      });
      stream.setTimeout(20_000, () => stream.destroy(new Error("no answer within 20 s")));
      stream.end("{}");
    });
  return { send, close: () => session?.close() };
}

const { ModelInfer: modelInfer } = openInference["inference.GRPCInferenceService"] as unknown as Record<
  "ModelInfer",
  MethodDefinition<object, { readonly model_name: string; readonly model_version: string }>
>;

/** Calls of the Open Inference Protocol. */
function grpcTransport(url: string): Transport {
  // A connection that is lost is made anew at once: an Envoy that was killed has a twin on the same port.
  const options = { "grpc.initial_reconnect_backoff_ms": 50, "grpc.max_reconnect_backoff_ms": 200 };
  const client = new Client(new URL(url).host, credentials.createInsecure(), options);
  const send: Transport["send"] = (headers) =>
    new Promise((resolve, reject) => {
      const metadata = new Metadata();
      for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
      let answered: Readonly<Record<string, unknown>> = {};
      const call = client.makeUnaryRequest(
        modelInfer.path,
        modelInfer.requestSerialize,
        modelInfer.responseDeserialize,
        { model_name: "any", inputs: [] },
        metadata,
        { deadline: Date.now() + 20_000 },
        (error, message) => {
          if (error) reject(error);
          else resolve({ status: 200, headers: answered, body: JSON.stringify(message) });
        },
      );
      call.on("metadata", (initial) => {
        answered = initial.getMap();
      });
    });
  return { send, close: () => client.close() };
}
