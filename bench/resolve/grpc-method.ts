import type { MethodDefinition } from "@grpc/grpc-js";

const asIs = (bytes: Buffer) => bytes;

/** `Resolve` with messages that stay bytes on both ends. */
export const resolveMethod: MethodDefinition<Buffer, Buffer> = {
  path: "/signalbox.resolver.v1.Resolver/Resolve",
  requestStream: false,
  responseStream: false,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
};
