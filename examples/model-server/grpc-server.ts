import { fileURLToPath } from "node:url";
import {
  loadPackageDefinition,
  type Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceClientConstructor,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import { HealthImplementation } from "grpc-health-check";
import type { ModelServerContext } from "./context.ts";
import type { DigitsWeights } from "./digits.ts";
import { fromGrpc, type GrpcInferRequest, toGrpc } from "./grpc-tensors.ts";
import { InferError, infer, readRows } from "./infer.ts";
import { type Log, requestFacts } from "./log.ts";
import { modelMetadata, serverMetadata } from "./metadata.ts";

const serviceName = "inference.GRPCInferenceService";

/** The definition of the service, also for clients: `loadPackageDefinition(openInference)`. */
export const openInference = loadSync(fileURLToPath(new URL("open_inference.proto", import.meta.url)), {
  keepCase: true,
  longs: Number,
  defaults: true,
  oneofs: true,
});

export type ModelGrpcServer = {
  /** The port it listens on. */
  start(host: string, port: number): Promise<number>;
  /** Lets the calls under way end; then resolves. New ones are refused, and the health service says NOT_SERVING. */
  drain(): Promise<void>;
  /** Ends everything at once. */
  stop(): void;
};

/**
 * The gRPC half of the Open Inference Protocol, with the standard health service and reflection.
 *
 * The version in the metadata `x-signalbox-model: digits@8`, which Signalbox's Envoy sets, decides over the one in the
 * message: clients need not name one, and a shadow gets a copy of the message that was meant for another version.
 */
export function createGrpcServer(context: ModelServerContext): ModelGrpcServer {
  const server = new Server({ "grpc.max_receive_message_length": 16 * 1024 * 1024 });
  const health = new HealthImplementation({ "": "SERVING", [serviceName]: "SERVING" });
  health.addToServer(server as unknown as Parameters<typeof health.addToServer>[0]);
  new ReflectionService(openInference).addToServer(server);
  const loaded = loadPackageDefinition(openInference) as unknown as {
    inference: { GRPCInferenceService: ServiceClientConstructor };
  };
  server.addService(loaded.inference.GRPCInferenceService.service, createMethods(context));
  return {
    start: (host, port) =>
      new Promise((resolve, reject) => {
        server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (error, bound) =>
          error ? reject(error) : resolve(bound),
        );
      }),
    drain: async () => {
      for (const service of ["", serviceName]) health.setStatus(service, "NOT_SERVING");
      await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
    },
    stop: () => server.forceShutdown(),
  };
}

type Named = { readonly name: string; readonly version: string };

function createMethods({ models, log, isReady }: ModelServerContext) {
  const find = (metadata: Metadata, name: string, version: string): DigitsWeights => {
    const [ruling] = metadata.get("x-signalbox-model");
    return models.find(name, ruling ? String(ruling).split("@").at(-1) : version);
  };
  return {
    ServerLive: method(log, () => ({ live: true })),
    ServerReady: method(log, () => ({ ready: isReady() })),
    ServerMetadata: method(log, () => serverMetadata),
    ModelReady: method<Named>(log, ({ name, version }, metadata) => {
      find(metadata, name, version);
      return { ready: isReady() };
    }),
    ModelMetadata: method<Named>(log, ({ name, version }, metadata) =>
      modelMetadata(models, find(metadata, name, version)),
    ),
    ModelInfer: method<GrpcInferRequest>(log, (message, metadata) => {
      const weights = find(metadata, message.model_name, message.model_version);
      const request = fromGrpc(message);
      const rows = readRows(request);
      log("inference", {
        ...requestFacts(metadata.getMap() as Record<string, string>),
        model: `${weights.model}@${weights.version}`,
        rows: rows.length,
      });
      return toGrpc(infer(weights, request, rows));
    }),
  };
}

/** A unary method from a function that returns the answer or throws an InferError. */
function method<Request>(log: Log, answer: (request: Request, metadata: Metadata) => object) {
  return (call: ServerUnaryCall<Request, object>, callback: sendUnaryData<object>) => {
    try {
      callback(null, answer(call.request, call.metadata));
    } catch (error) {
      const details = error instanceof Error ? error.message : String(error);
      log("request refused", {
        ...requestFacts(call.metadata.getMap() as Record<string, string>),
        path: call.getPath(),
        error: details,
      });
      callback({ code: codeOf(error), details });
    }
  };
}

function codeOf(error: unknown): status {
  if (!(error instanceof InferError)) return status.INTERNAL;
  return error.status === 404 ? status.NOT_FOUND : status.INVALID_ARGUMENT;
}
