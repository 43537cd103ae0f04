import type { IncomingMessage, ServerResponse } from "node:http";
import { type ErrorCode, SignalboxError } from "../service/errors.ts";
import type { Tracing } from "../service/tracing.ts";
import type { Caller } from "./decide.ts";
import { callerOf } from "./endpoint.ts";
import type { Method, Observation } from "./observation.ts";

export type ObservedCallDeps = { readonly observation: Observation; readonly tracing: Tracing | null };

export type ObservedCall = {
  readonly method: Method;
  /** Of the span, such as `GET /v1/defaults`. */
  readonly name: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Answers; what it throws is given to `fail`. */
  readonly run: (caller: Caller) => Promise<void>;
  /** Answers with an error. */
  readonly fail: (response: ServerResponse, thrown: unknown) => void;
};

/** An HTTP call that is counted, traced and logged. Never rejects. */
export async function observeCall(deps: ObservedCallDeps, call: ObservedCall): Promise<void> {
  const { observation, tracing } = deps;
  const { method, name, request, response, run, fail } = call;
  const startedAt = performance.now();
  const caller = callerOf(request);
  let code: ErrorCode | "ok" = "ok";
  try {
    await (tracing
      ? tracing.inServerSpan({ name, carrier: request.headers, attributes: {} }, () => run(caller))
      : run(caller));
  } catch (thrown) {
    code = SignalboxError.from(thrown).code;
    observation.callFailed("http", method, thrown, caller);
    fail(response, thrown);
  }
  observation.callEnded("http", method, code, (performance.now() - startedAt) / 1000);
}
