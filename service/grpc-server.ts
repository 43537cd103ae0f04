import type { EventEmitter } from "node:events";
import type { TLSSocket } from "node:tls";
import { type DescFile, type DescService, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import {
  Server,
  ServerCredentials,
  type ServerOptions,
  type ServerWritableStream,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { loadSync, type PackageDefinition } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import { HealthImplementation, protoPath as healthProtoPath } from "grpc-health-check";
import { cannotListen } from "./http-server.ts";

export type GrpcServerSettings = {
  readonly host: string;
  /** 0 is any free port. */
  readonly port: number;
  /** The environment variable that sets the port, for the message when it is in use. */
  readonly portVariable: string;
  /** The services, for reflection and health. */
  readonly services: readonly DescService[];
  /** Adds the implementations. */
  readonly addTo: (server: Server) => void;
  readonly options?: ServerOptions;
  /** TLS; without it there is none. */
  readonly credentials?: ServerCredentials;
  /** Hears why a client's TLS handshake failed, and where it came from as far as that is known. */
  readonly onHandshakeFailure?: (reason: string, address: string | undefined) => void;
};

export type GrpcServer = {
  /** The port it listens on. */
  readonly port: number;
  /** What the standard health service says of the process (`""`) and of each service; SERVING at first. */
  setServing(isServing: boolean): void;
  /**
   * Says NOT_SERVING, refuses new calls, and lets the calls under way end; those that are left after `timeoutMs` are cut
   * off. Resolves when all is closed.
   */
  drain(timeoutMs: number): Promise<void>;
};

/**
 * A gRPC server with the standard health service and server reflection (v1 and v1alpha). Throws
 * `cannot_start` when it cannot listen, with the remedy.
 */
export async function startGrpcServer(settings: GrpcServerSettings): Promise<GrpcServer> {
  // Nothing here serves what grpc-js would count of every call for channelz.
  const server = new Server({ "grpc.enable_channelz": 0, ...settings.options });
  const names = ["", ...settings.services.map(({ typeName }) => typeName)];
  const health = new HealthImplementation(Object.fromEntries(names.map((name) => [name, "SERVING" as const])));
  let isDraining = false;
  const setServing = (isServing: boolean) => {
    if (isDraining) return;
    for (const name of names) health.setStatus(name, isServing ? "SERVING" : "NOT_SERVING");
  };
  const endWatches = addHealth(server, health);
  new ReflectionService(describe(settings.services)).addToServer(server);
  settings.addTo(server);
  const port = await bind(server, settings);
  if (settings.onHandshakeFailure) watchHandshakes(server, settings.onHandshakeFailure);
  return {
    port,
    setServing,
    drain: async (timeoutMs) => {
      setServing(false);
      isDraining = true;
      endWatches();
      const timer = setTimeout(() => server.forceShutdown(), timeoutMs);
      await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      clearTimeout(timer);
    },
  };
}

type HealthServer = Parameters<HealthImplementation["addToServer"]>[0];

/** Adds the health service; the function returned ends the streams of those who watch it, which never end by themselves. */
function addHealth(server: Server, health: HealthImplementation): () => void {
  const watches = new Set<ServerWritableStream<unknown, unknown>>();
  const addService = (definition: ServiceDefinition, implementation: UntypedServiceImplementation) => {
    const watch = implementation.watch as (call: ServerWritableStream<unknown, unknown>) => void;
    server.addService(definition, {
      ...implementation,
      watch: (call: ServerWritableStream<unknown, unknown>) => {
        watches.add(call);
        call.once("close", () => watches.delete(call));
        watch(call);
      },
    });
  };
  // Its types are those of a grpc-js of its own; this is the only method it calls.
  health.addToServer({ addService } as unknown as HealthServer);
  return () => {
    for (const call of watches) call.end();
  };
}

/** grpc-js keeps the servers that it listens with to itself, and says nothing of handshakes that fail. */
function watchHandshakes(server: Server, onFailure: NonNullable<GrpcServerSettings["onHandshakeFailure"]>): void {
  const { http2Servers } = server as unknown as { readonly http2Servers: ReadonlyMap<EventEmitter, unknown> };
  for (const http2Server of http2Servers.keys()) {
    http2Server.on("tlsClientError", (error: Error & { readonly code?: string }, socket: TLSSocket) => {
      // A certificate that is not accepted closes the connection, and only the socket says why.
      onFailure(String(socket.authorizationError ?? error.code ?? error.message), socket.remoteAddress);
    });
  }
}

function bind(server: Server, settings: GrpcServerSettings): Promise<number> {
  const { host, port, portVariable, credentials = ServerCredentials.createInsecure() } = settings;
  const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, bound) => {
      if (error) reject(cannotListen(error, { host, port, portVariable }));
      else resolve(bound);
    });
  });
}

/** What @grpc/reflection reads: for each service, the files that describe it. */
function describe(services: readonly DescService[]): PackageDefinition {
  const described = services.map((service) => [service.typeName, { fileDescriptorProtos: filesOf(service.file) }]);
  // @grpc/reflection looks at nothing else of an entry.
  const ours = Object.fromEntries(described) as PackageDefinition;
  return { ...loadSync(healthProtoPath), ...ours };
}

function filesOf(file: DescFile, seen = new Set<DescFile>()): Buffer[] {
  if (seen.has(file)) return [];
  seen.add(file);
  const own = Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto));
  return [own, ...file.dependencies.flatMap((dependency) => filesOf(dependency, seen))];
}
