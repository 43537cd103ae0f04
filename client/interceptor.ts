import { createRequire } from "node:module";
import type { InterceptingCall, Interceptor, InterceptorOptions, Metadata, StatusObject } from "@grpc/grpc-js";
import type { Context } from "../selection/context.ts";
import { type ClientErrorCode, messageOf, SignalboxClientError } from "./client-error.ts";
import type { SendingDeps } from "./infer.ts";
import { configHeaders } from "./place-config.ts";
import type { ResolveOptions } from "./question.ts";
import { inject } from "./tracing.ts";

/** The context of every call, or what makes it from the call's metadata and method. */
export type GrpcContextOf = Context | ((metadata: Metadata, options: InterceptorOptions) => Context);

export type GrpcInterceptor = Interceptor;

type CreateInterceptor = (
  objective: string,
  context: GrpcContextOf,
  options?: Omit<ResolveOptions, "signal">,
) => GrpcInterceptor;

/** The numbers of gRPC's status codes, by why the call could not be resolved. */
const statusCodes: Readonly<Record<ClientErrorCode, number>> = {
  invalid_options: 3,
  invalid_request: 3,
  unknown_objective: 5,
  override_denied: 7,
  override_unknown_version: 9,
  unavailable: 14,
};
const internal = 13;

export function createInterceptor(deps: SendingDeps): CreateInterceptor {
  return (objective, context, options = {}) => {
    // Only now, so that nobody loads it who does not use it; whoever does has loaded it already.
    const grpc = createRequire(import.meta.url)("@grpc/grpc-js") as typeof import("@grpc/grpc-js");
    return (call, nextCall): InterceptingCall =>
      new grpc.InterceptingCall(nextCall(call), {
        start: (metadata, listener, next) => {
          const begin = async () => {
            const attributes = typeof context === "function" ? context(metadata, call) : context;
            const answer = await deps.resolve(objective, attributes, options);
            const added = { ...inject(), ...configHeaders(answer.config), ...answer.headers };
            for (const [name, value] of Object.entries(added)) metadata.set(name, value);
          };
          begin().then(
            () => next(metadata, listener),
            (error: unknown) => listener.onReceiveStatus(statusOf(error, new grpc.Metadata())),
          );
        },
      });
  };
}

function statusOf(error: unknown, metadata: Metadata): StatusObject {
  const code = error instanceof SignalboxClientError ? statusCodes[error.code] : internal;
  return { code, details: messageOf(error), metadata };
}
