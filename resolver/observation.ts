import type { Decision } from "../selection/decision.ts";
import { type ErrorCode, SignalboxError } from "../service/errors.ts";
import { type Logger, logError } from "../service/logger.ts";
import { latencyBucketsSeconds, type Metrics } from "../service/metrics.ts";
import type { Caller, OverrideEvent } from "./decide.ts";
import { createDecisionCounter } from "./decision-counter.ts";
import type { ResolveRequest } from "./request.ts";

export type Transport = "http" | "grpc";
export type Method =
  | "resolve"
  | "resolve_many"
  | "explain"
  | "defaults"
  | "ofrep"
  | "ofrep_bulk"
  | "one_call"
  | "revision";

/** What the resolver counts and logs, one function for each business event. */
export type Observation = {
  /** An objective was decided for a request. Counted; logged at debug. */
  decided(decision: Decision, request: ResolveRequest, caller: Caller): void;
  /** An objective of a request for several failed; the call did not. */
  objectiveFailed(method: Method, objective: string, error: SignalboxError): void;
  /** A call failed; the error was sent. */
  callFailed(transport: Transport, method: Method, thrown: unknown, caller: Caller): void;
  /** A call ended, well or not. */
  callEnded(transport: Transport, method: Method, code: ErrorCode | "ok", seconds: number): void;
  overrode(event: OverrideEvent): void;
};

export function createObservation({ metrics, logger }: { metrics: Metrics; logger: Logger }): Observation {
  const errors = metrics.counter({
    name: "signalbox_resolver_errors_total",
    help: "Errors sent, of whole calls and of single objectives, by code.",
    labelNames: ["method", "code"],
  });
  const durations = metrics.histogram({
    name: "signalbox_resolver_request_duration_seconds",
    help: "From the whole request to the answer, by outcome (ok, or the error code).",
    labelNames: ["transport", "method", "code"],
    buckets: latencyBucketsSeconds,
  });
  const overrides = metrics.counter({
    name: "signalbox_resolver_overrides_total",
    help: "Model versions forced by a caller, by outcome: allowed, denied or unknown_version.",
    labelNames: ["namespace", "outcome"],
  });

  const countDecision = createDecisionCounter(metrics);

  return {
    decided: (decision, request, caller) => {
      countDecision(decision, request.trafficClass ?? "real");
      if (!logger.isLevelEnabled("debug")) return;
      const { objective, rule, variant, routingKey, revision, reason } = decision;
      const { trafficClass, client } = request;
      const peer = caller.peer();
      logger.debug({ objective, rule, variant, routingKey, revision, reason, trafficClass, client, peer }, "decided");
    },
    objectiveFailed: (method, objective, error) => {
      errors.inc({ method, code: error.code });
      logError(logger, error, "objective failed", { method, objective });
    },
    callFailed: (transport, method, thrown, caller) => {
      const error = SignalboxError.from(thrown);
      errors.inc({ method, code: error.code });
      logError(logger, error, "request failed", { transport, method, peer: caller.peer() });
    },
    callEnded: (transport, method, code, seconds) => {
      durations.observe({ transport, method, code }, seconds);
    },
    overrode: ({ objective, wanted, outcome, tokenId, request, caller }) => {
      const { namespace, client, trafficClass } = request;
      overrides.inc({ namespace, outcome });
      const level = outcome === "allowed" ? "info" : "warn";
      const peer = caller.peer();
      logger[level]({ objective, wanted, outcome, tokenId, client, trafficClass, peer }, "override asked for");
    },
  };
}
