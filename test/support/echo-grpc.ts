import { createHash } from "node:crypto";
import {
  type ChannelOptions,
  Client,
  credentials,
  type Interceptor,
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";
import { openInference } from "../../examples/model-server/grpc-server.ts";
import type { Received } from "./echo-server.ts";

const openInferenceService = openInference["inference.GRPCInferenceService"] as unknown as Record<
  "ModelInfer",
  MethodDefinition<object, object>
>;

const unlimited: ChannelOptions = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 };
const asIs = (bytes: Buffer) => bytes;
const method = (name: string, requestStream: boolean, responseStream: boolean): MethodDefinition<Buffer, Buffer> => ({
  path: `/signalbox.test.Echo/${name}`,
  requestStream,
  responseStream,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
});

/**
 * The gRPC service of the echo server; its messages are raw bytes.
 * `Stream` (both ways) sends every message back, `Collect` (client stream) answers once with the JSON of
 * {@link Received}, `Ticks` (server stream) takes JSON `{count, intervalMs}` and answers that many messages.
 * The initial metadata of every answer has `x-echo-server`. Besides, it is a model of the Open Inference Protocol, whose answer names
 * the model version that `x-signalbox-model` asked for.
 */
export const echoMethods = {
  Stream: method("Stream", true, true),
  Collect: method("Collect", true, false),
  Ticks: method("Ticks", false, true),
} as const;

export type EchoGrpcServer = {
  readonly port: number;
  setHealthy(healthy: boolean): void;
  stop(): void;
};

/** Used by echo-server.ts: the service and the standard health service on one port, without TLS. */
export async function startEchoGrpc(deps: {
  readonly name: string;
  readonly port: number;
  readonly received: Received[];
}): Promise<EchoGrpcServer> {
  const server = new Server(unlimited);
  const health = new HealthImplementation({ "": "SERVING", "signalbox.test.Echo": "SERVING" });
  health.addToServer(server as unknown as Parameters<typeof health.addToServer>[0]);
  server.addService(echoMethods, {
    Stream: (call: ServerDuplexStream<Buffer, Buffer>) => {
      call.sendMetadata(named(deps.name));
      const record = recorder("Stream", call.metadata);
      call.on("data", (message: Buffer) => {
        record.add(message);
        if (!call.write(message)) {
          call.pause();
          call.once("drain", () => call.resume());
        }
      });
      call.on("end", () => {
        deps.received.push(record.finish());
        call.end();
      });
    },
    Collect: (call: ServerReadableStream<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
      call.sendMetadata(named(deps.name));
      const record = recorder("Collect", call.metadata);
      call.on("data", (message: Buffer) => record.add(message));
      call.on("end", () => {
        const facts = record.finish();
        deps.received.push(facts);
        answer(null, Buffer.from(JSON.stringify(facts)));
      });
    },
    Ticks: (call: ServerWritableStream<Buffer, Buffer>) => {
      call.sendMetadata(named(deps.name));
      const record = recorder("Ticks", call.metadata);
      record.add(call.request);
      deps.received.push(record.finish());
      const { count = 5, intervalMs = 50 } = JSON.parse(call.request.toString("utf8") || "{}");
      let tick = 0;
      const timer = setInterval(() => {
        if (tick++ < count) return void call.write(Buffer.from(JSON.stringify({ tick })));
        clearInterval(timer);
        call.end();
      }, intervalMs);
      call.on("cancelled", () => clearInterval(timer));
    },
  });
  server.addService({ ModelInfer: openInferenceService.ModelInfer }, {
    ModelInfer: (call: ServerUnaryCall<object, object>, answer: sendUnaryData<object>) => {
      call.sendMetadata(named(deps.name));
      const [model = "", version = ""] = String(call.metadata.get("x-signalbox-model")[0] ?? "").split("@");
      answer(null, { model_name: model, model_version: version });
    },
  } satisfies UntypedServiceImplementation);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${deps.port}`, ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return {
    port,
    setHealthy: (healthy) => {
      for (const service of ["", "signalbox.test.Echo"]) {
        health.setStatus(service, healthy ? "SERVING" : "NOT_SERVING");
      }
    },
    stop: () => server.forceShutdown(),
  };
}

export type EchoGrpcClient = {
  /** Streams the messages up, resolves with what the server received. */
  collect(messages: Iterable<Uint8Array> | AsyncIterable<Uint8Array>, metadata: Metadata): Promise<Received>;
  /** Sends the messages and collects those that come back. */
  stream(messages: readonly Uint8Array[], metadata: Metadata): Promise<Buffer[]>;
  close(): void;
};

/** A client of {@link echoMethods}, to the server itself or to an Envoy before it, through interceptors if need be. */
export function createEchoGrpcClient(address: string, interceptors: Interceptor[] = []): EchoGrpcClient {
  const client = new Client(address, credentials.createInsecure(), { ...unlimited, interceptors });
  return {
    collect: (messages, metadata) =>
      new Promise((resolve, reject) => {
        const { path, requestSerialize, responseDeserialize } = echoMethods.Collect;
        const call = client.makeClientStreamRequest<Buffer, Buffer>(
          path,
          requestSerialize,
          responseDeserialize,
          metadata,
          (error, answer) => (error ? reject(error) : resolve(JSON.parse(String(answer)))),
        );
        sendAll(call, messages).catch(reject);
      }),
    stream: (messages, metadata) =>
      new Promise((resolve, reject) => {
        const { path, requestSerialize, responseDeserialize } = echoMethods.Stream;
        const call = client.makeBidiStreamRequest<Buffer, Buffer>(
          path,
          requestSerialize,
          responseDeserialize,
          metadata,
        );
        const answers: Buffer[] = [];
        call.on("data", (message: Buffer) => answers.push(message));
        call.on("error", reject);
        call.on("end", () => resolve(answers));
        sendAll(call, messages).catch(reject);
      }),
    close: () => client.close(),
  };
}

type Sink = { write(message: Buffer): boolean; once(event: "drain", listener: () => void): unknown; end(): unknown };

async function sendAll(sink: Sink, messages: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
  for await (const message of messages) {
    if (!sink.write(Buffer.from(message))) await new Promise<void>((resolve) => sink.once("drain", resolve));
  }
  sink.end();
}

function recorder(name: keyof typeof echoMethods, metadata: Metadata) {
  const hash = createHash("sha256");
  let bytes = 0;
  return {
    add: (message: Buffer) => {
      hash.update(message);
      bytes += message.length;
    },
    finish: (): Received => ({
      protocol: "grpc",
      method: "POST",
      path: echoMethods[name].path,
      headers: Object.fromEntries(Object.entries(metadata.getMap()).map(([key, value]) => [key, String(value)])),
      bytes,
      sha256: hash.digest("hex"),
    }),
  };
}

function named(name: string): Metadata {
  const metadata = new Metadata();
  metadata.set("x-echo-server", name);
  return metadata;
}
