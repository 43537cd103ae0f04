import type { Decision } from "../selection/decision.ts";
import type { Labels } from "../selection/labels.ts";
import { type AnswerDeps, objectiveErrorOf, resolveAll } from "./answer.ts";
import type { Caller, Outcome } from "./decide.ts";
import { type Endpoint, type EndpointDeps, postEndpoint } from "./endpoint.ts";
import type { ResolveRequest } from "./request.ts";
import { resolutionJson } from "./resolution.ts";

/**
 * `POST /v1/resolve`. With `objective`, the answer is a Resolution; with `objectives`, it is `{"results": […]}` in the
 * order asked, each a Resolution or `{objective, error}`, and the status is 200 whatever came of each.
 */
export function postResolve(deps: EndpointDeps & AnswerDeps): Endpoint {
  return postEndpoint(deps, "resolve", (request, caller) => resolveJson(deps, request, caller));
}

/** The answer to a request, as JSON; throws the error of a single objective. */
export function resolveJson(deps: AnswerDeps, request: ResolveRequest, caller: Caller): string {
  const results = resolveAll(deps, request, caller).map((outcome) => resultJson(outcome, request));
  return request.single ? (results[0] as string) : `{"results":[${results.join(",")}]}`;
}

function resultJson(outcome: Outcome<Decision>, labels: Labels): string {
  if ("value" in outcome) return resolutionJson(outcome.value, labels);
  return JSON.stringify({ objective: outcome.objective, error: objectiveErrorOf(outcome.error) });
}
