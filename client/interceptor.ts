import { createRequire } from "node:module";
import type {
  Deadline,
  InterceptingCall,
  Interceptor,
  InterceptorOptions,
  Metadata,
  NextCall,
  Requester,
  StatusObject,
} from "@grpc/grpc-js";
import type { Context } from "../selection/context.ts";
import type { Answer } from "./answer.ts";
import { type ClientErrorCode, messageOf, SignalboxClientError } from "./client-error.ts";
import { fallbacksOf } from "./fallback.ts";
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
const cancelled = 1;
const cancelledDetails = "Cancelled on client";
const deadlineExceeded = 4;
const internal = 13;
/** A version that fails: UNKNOWN, RESOURCE_EXHAUSTED, INTERNAL, UNAVAILABLE, DATA_LOSS. */
const failures: ReadonlySet<number> = new Set([2, 8, internal, 14, 15]);
/** Timers that are set longer fire at once. */
const longestTimerMs = 2 ** 31 - 1;

export function createInterceptor(deps: SendingDeps): CreateInterceptor {
  return (objective, context, options = {}) => {
    // Only now, so that nobody loads it who does not use it; whoever does has loaded it already.
    const grpc = createRequire(import.meta.url)("@grpc/grpc-js") as typeof import("@grpc/grpc-js");
    return (call, nextCall): InterceptingCall => {
      const { requestStream, responseStream } = call.method_definition;
      const mayRetry = !requestStream && !responseStream && !options.override;
      const retry = mayRetry ? createRetry(deps, call, nextCall) : null;
      const ending = createEnding(grpc, call.deadline);
      return new grpc.InterceptingCall(nextCall(call), {
        ...(retry && { sendMessage: retry.sendMessage }),
        start: (metadata, listener, next) => {
          const begin = async () => {
            const attributes = typeof context === "function" ? context(metadata, call) : context;
            const answer = await deps.resolve(objective, attributes, { ...options, signal: ending.signal });
            ending.signal.throwIfAborted();
            const asGiven = metadata.clone();
            addTo(metadata, answer);
            return retry?.listener(answer, asGiven, listener) ?? listener;
          };
          begin()
            .finally(ending.begun)
            .then(
              (own) => next(metadata, own),
              (error: unknown) => {
                const status = ending.signal.aborted ? ending.signal.reason : statusOf(error, new grpc.Metadata());
                listener.onReceiveStatus(status);
              },
            );
        },
        cancel: (next) => {
          ending.cancel();
          retry?.cancel();
          next();
        },
      });
    };
  };
}

/**
 * What ends a call that has not begun: a cancellation, and its deadline. The signal's reason is the call's status; gRPC itself
 * says nothing of a call before it has begun.
 */
function createEnding(grpc: typeof import("@grpc/grpc-js"), deadline: Deadline | undefined) {
  const ending = new AbortController();
  const endWith = (code: number, details: string) => {
    ending.abort({ code, details, metadata: new grpc.Metadata() } satisfies StatusObject);
  };
  const leftMs = Math.min(Number(deadline ?? Number.POSITIVE_INFINITY) - Date.now(), longestTimerMs);
  const timer = setTimeout(() => endWith(deadlineExceeded, "Deadline exceeded"), leftMs);
  return {
    signal: ending.signal,
    begun: () => clearTimeout(timer),
    cancel: () => endWith(cancelled, cancelledDetails),
  };
}

/** What a call's metadata gain from an answer. */
function addTo(metadata: Metadata, answer: Answer): void {
  const added = { ...inject(), ...configHeaders(answer.config), ...answer.headers };
  for (const [name, value] of Object.entries(added)) metadata.set(name, value);
}

/**
 * Makes a unary call again with the answer's fallback key when it failed. Its message is small enough to have been kept
 * anyway, and its answer is held back until it is known that the call did not fail.
 */
function createRetry(deps: SendingDeps, options: InterceptorOptions, nextCall: NextCall) {
  let message: unknown;
  let second: ReturnType<NextCall> | undefined;
  const sendMessage: Requester["sendMessage"] = (given, next) => {
    message = given;
    next(given);
  };
  const cancel = () => second?.cancelWithStatus(cancelled, cancelledDetails);
  const again = (metadata: Metadata, listener: InterceptingListener) => {
    second = nextCall(options);
    second.start(metadata, listener);
    second.sendMessage(message);
    second.halfClose();
    second.startRead();
  };
  const listenerFor = (answer: Answer, asGiven: Metadata, listener: InterceptingListener): InterceptingListener => {
    const [fallback] = fallbacksOf(answer, deps.defaultFor(answer));
    if (!fallback) return listener;
    let deliver: () => void = () => undefined;
    return {
      onReceiveMetadata: (metadata) => {
        const then = deliver;
        deliver = () => {
          then();
          listener.onReceiveMetadata(metadata);
        };
      },
      onReceiveMessage: (received) => {
        const then = deliver;
        deliver = () => {
          then();
          listener.onReceiveMessage(received);
        };
      },
      onReceiveStatus: (status) => {
        if (!failures.has(status.code)) {
          deliver();
          return listener.onReceiveStatus(status);
        }
        const { objective, routingKey: from } = answer;
        const reason = `status ${status.code}: ${status.details}`;
        deps.emit({ type: "infer-retried", objective, from, to: fallback.routingKey, reason });
        const metadata = asGiven.clone();
        addTo(metadata, fallback);
        again(metadata, listener);
      },
    };
  };
  return { sendMessage, cancel, listener: listenerFor };
}

type InterceptingListener = Parameters<NonNullable<Requester["start"]>>[1];

function statusOf(error: unknown, metadata: Metadata): StatusObject {
  const code = error instanceof SignalboxClientError ? statusCodes[error.code] : internal;
  return { code, details: messageOf(error), metadata };
}
