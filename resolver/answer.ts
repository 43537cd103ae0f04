import type { CompiledObjective } from "../selection/compile.ts";
import type { Context } from "../selection/context.ts";
import type { Decision } from "../selection/decision.ts";
import { type Explanation, explain } from "../selection/explain.ts";
import { withTargetingKey } from "../selection/flag.ts";
import { type OneCallAttribute, oneCallAttributes } from "../selection/one-call/attributes.ts";
import { type OneCallEngine, planOneCall } from "../selection/one-call/plan.ts";
import { type SelectOptions, select } from "../selection/select.ts";
import { SignalboxError } from "../service/errors.ts";
import { type Caller, type Decide, type DecideDeps, decideAll, type Outcome } from "./decide.ts";
import type { Method, Observation } from "./observation.ts";
import type { ResolveRequest } from "./request.ts";

export type AnswerDeps = DecideDeps & { readonly observation: Observation };

/**
 * The outcomes of a request, one for each objective in the order asked, counted and logged. Of a request for a single
 * objective the error, if any, is thrown.
 */
function answer<T>(
  deps: AnswerDeps,
  method: Method,
  request: ResolveRequest,
  caller: Caller,
  decide: Decide<T>,
): readonly Outcome<T>[] {
  const outcomes = decideAll(deps, request, caller, decide);
  for (const outcome of outcomes) {
    if (!("error" in outcome)) continue;
    if (request.single) throw outcome.error;
    deps.observation.objectiveFailed(method, outcome.objective, outcome.error);
  }
  return outcomes;
}

/** The decision for every objective of a request; see {@link answer}. */
export function resolveAll(deps: AnswerDeps, request: ResolveRequest, caller: Caller) {
  const outcomes = answer(deps, "resolve", request, caller, select);
  for (const outcome of outcomes) if ("value" in outcome) deps.observation.decided(outcome.value, request, caller);
  return outcomes;
}

/** The decision for every objective of a request and why; not counted as decisions, because nobody acts on them. */
export function explainAll(deps: AnswerDeps, request: ResolveRequest, caller: Caller): readonly Outcome<Explained>[] {
  return answer(deps, "explain", request, caller, explainObjective);
}

/** Why an objective decides as it does for a context, and how it is selected in one-call mode. */
export function explainObjective(compiled: CompiledObjective, context: Context, options?: SelectOptions): Explained {
  const { engine, why } = planOneCall(compiled);
  const oneCall = { engine, why, attributes: oneCallAttributes(compiled) };
  return { ...explain(compiled, context, options), oneCall };
}

export type Explained = Explanation & {
  readonly oneCall: {
    readonly engine: OneCallEngine;
    /** Why the rules do not run inside Envoy. */
    readonly why: readonly string[];
    readonly attributes: readonly OneCallAttribute[];
  };
};

/** As {@link resolveAll} for OpenFeature, whose targeting key is the unit where a context has none; bulk is not counted. */
export function evaluateAll(deps: AnswerDeps, method: "ofrep" | "ofrep_bulk", request: ResolveRequest, caller: Caller) {
  const outcomes = answer(deps, method, request, caller, (compiled, context, options) =>
    select(compiled, withTargetingKey(context, compiled.unit), options),
  );
  for (const outcome of method === "ofrep" ? outcomes : []) {
    if ("value" in outcome) deps.observation.decided(outcome.value, request, caller);
  }
  return outcomes;
}

/** As {@link resolveAll} for a request of one objective in one-call mode. */
export function decideOneCall(deps: AnswerDeps, request: ResolveRequest, caller: Caller): Decision {
  const [outcome] = answer(deps, "one_call", request, caller, select);
  if (!outcome || !("value" in outcome)) throw new Error("an objective that failed was not thrown");
  deps.observation.decided(outcome.value, request, caller);
  return outcome.value;
}

/** What is told of an objective that failed among several. */
export function objectiveErrorOf(error: SignalboxError) {
  const { code, message, retryable } = SignalboxError.from(error).toBody();
  return { code, message, retryable };
}
