import {
  type DescMessage,
  type DescMethod,
  type DescMethodUnary,
  type DescService,
  fromBinary,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  Metadata,
  type MethodDefinition,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { SignalboxError } from "./errors.ts";

/** What a method's handler is told besides the message. */
export type UnaryCall = {
  readonly metadata: Metadata;
  /** Address and port of the caller. */
  peer(): string;
};

/** One function for each unary method of a service, by its local (camel-case) name. */
export type UnaryHandlers<S extends DescService> = {
  readonly [M in keyof S["method"]]: S["method"][M] extends DescMethodUnary<infer I, infer O>
    ? (message: MessageShape<I>, call: UnaryCall) => MessageShape<O> | Promise<MessageShape<O>>
    : never;
};

/** Hears of every failed call, for the log; the caller has got the error already. */
export type OnGrpcError = (error: SignalboxError, method: string) => void;

/** The definition and the implementation for grpc-js' `addService`. */
export type GrpcService = {
  readonly name: string;
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
};

/** Answers a method's message as bytes with bytes, so that neither is made an object; null leaves it to the handler. Must not throw. */
export type FastUnary = (message: Buffer, call: UnaryCall) => Buffer | null;

/**
 * Serves a protobuf-es service with unary methods by grpc-js. `fast` may answer for a method, by its local name, first. A handler that throws ends the call with the gRPC status
 * of the error's code, its message, and the metadata `x-signalbox-error: <code>`.
 */
export function unaryService<S extends DescService>(
  service: S,
  handlers: UnaryHandlers<S>,
  onError: OnGrpcError = () => undefined,
  fast: { readonly [M in keyof S["method"]]?: FastUnary } = {},
): GrpcService {
  const definition: Record<string, MethodDefinition<unknown, unknown>> = {};
  const implementation: UntypedServiceImplementation = {};
  for (const method of service.methods) {
    const codec = methodDefinition(service, method);
    const handler = (handlers as Record<string, UnaryHandler>)[method.localName];
    const first = (fast as Record<string, FastUnary | undefined>)[method.localName];
    definition[method.name] = first ? { ...codec, requestDeserialize: asIs, responseSerialize: bytesOr(codec) } : codec;
    if (!handler) continue;
    const served = serve(method.name, handler, onError);
    implementation[method.name] = first ? serveFirst(first, codec, served, method.name, onError) : served;
  }
  return { name: service.typeName, definition: definition as ServiceDefinition, implementation };
}

type UnaryHandler = (message: unknown, call: UnaryCall) => unknown;

/** How grpc-js calls a method and reads its messages; of use to clients too. */
export function methodDefinition(service: DescService, method: DescMethod): MethodDefinition<unknown, unknown> {
  return {
    path: `/${service.typeName}/${method.name}`,
    requestStream: method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming",
    responseStream: method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming",
    requestSerialize: serializer(method.input),
    requestDeserialize: (bytes) => fromBinary(method.input, bytes),
    responseSerialize: serializer(method.output),
    responseDeserialize: (bytes) => fromBinary(method.output, bytes),
    originalName: method.localName,
  };
}

function serializer(schema: DescMessage) {
  return (message: unknown) => Buffer.from(toBinary(schema, message as MessageShape<typeof schema>));
}

function serve(method: string, handler: UnaryHandler, onError: OnGrpcError) {
  return async (call: ServerUnaryCall<unknown, unknown>, callback: sendUnaryData<unknown>) => {
    try {
      callback(null, await handler(call.request, callOf(call)));
    } catch (thrown) {
      const error = SignalboxError.from(thrown);
      callback(toStatus(error));
      onError(error, method);
    }
  };
}

function callOf(call: ServerUnaryCall<unknown, unknown>): UnaryCall {
  return { metadata: call.metadata, peer: () => call.getPeer() };
}

const asIs = (bytes: Buffer) => bytes;

function bytesOr({ responseSerialize }: MethodDefinition<unknown, unknown>) {
  return (message: unknown) => (Buffer.isBuffer(message) ? message : responseSerialize(message));
}

/** Tries the fast way; what that leaves is decoded and goes to the handler. */
function serveFirst(
  first: FastUnary,
  { requestDeserialize }: MethodDefinition<unknown, unknown>,
  served: ReturnType<typeof serve>,
  method: string,
  onError: OnGrpcError,
) {
  return (call: ServerUnaryCall<unknown, unknown>, callback: sendUnaryData<unknown>) => {
    const bytes = call.request as Buffer;
    const answer = first(bytes, callOf(call));
    if (answer !== null) return callback(null, answer);
    try {
      call.request = requestDeserialize(bytes);
    } catch (cause) {
      const error = new SignalboxError("invalid_request", "The message cannot be read as protobuf.", { cause });
      callback(toStatus(error));
      return onError(error, method);
    }
    void served(call, callback);
  };
}

function toStatus(error: SignalboxError) {
  const metadata = new Metadata();
  metadata.set("x-signalbox-error", error.code);
  return { code: error.meaning.grpcStatus, details: error.message, metadata };
}
