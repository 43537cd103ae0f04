import { type AnswerDeps, explainAll, objectiveErrorOf } from "./answer.ts";
import { type Endpoint, type EndpointDeps, postEndpoint } from "./endpoint.ts";

/** `POST /v1/explain`. As `POST /v1/resolve`, with an Explanation in the place of each Resolution. */
export function postExplain(deps: EndpointDeps & AnswerDeps): Endpoint {
  return postEndpoint(deps, "explain", (request, caller) => {
    const results = explainAll(deps, request, caller).map((outcome) =>
      "value" in outcome
        ? { objective: outcome.objective, ...outcome.value }
        : { objective: outcome.objective, error: objectiveErrorOf(outcome.error) },
    );
    return JSON.stringify(request.single ? results[0] : { results });
  });
}
