import { withCells } from "../cells/with-cells.ts";
import { SignalboxError } from "../service/errors.ts";
import { sendError, sendJson } from "../service/http-app.ts";
import type { AnswerDeps } from "./answer.ts";
import type { Caller } from "./decide.ts";
import type { Endpoint, EndpointDeps } from "./endpoint.ts";
import { observeCall } from "./observed-call.ts";
import { resolveJson } from "./post-resolve.ts";
import { readJsonBody } from "./read-json-body.ts";
import { parseRequest, requestLimits } from "./request.ts";

/**
 * `POST /v1/resolve-many`: several requests of `POST /v1/resolve` at once, each with its own context:
 * `{"requests": […]}` to `{"answers": […]}`. Each answer is what its request alone would get, an error included.
 */
export function postResolveMany(deps: EndpointDeps & AnswerDeps): Endpoint {
  return (request, response) =>
    observeCall(deps, {
      ...{ method: "resolve_many", name: "POST /v1/resolve-many", request, response, fail: sendError },
      run: async (caller) => {
        const requests = requestsIn(await readJsonBody(request, deps.maxRequestBytes));
        if (deps.selection() === null) throw new SignalboxError("not_ready", "This resolver has no documents yet.");
        const answers = await Promise.all(requests.map((each) => answerOf(deps, each, caller)));
        sendJson(response, 200, `{"answers":[${answers.join(",")}]}`);
      },
    });
}

async function answerOf(deps: EndpointDeps & AnswerDeps, request: unknown, caller: Caller): Promise<string> {
  try {
    return resolveJson(deps, await withCells(deps, parseRequest(request)), caller);
  } catch (thrown) {
    deps.observation.callFailed("http", "resolve_many", thrown, caller);
    return JSON.stringify({ error: SignalboxError.from(thrown).toBody() });
  }
}

function requestsIn(body: unknown): readonly unknown[] {
  const { requests } = typeof body === "object" && body !== null ? (body as { readonly requests?: unknown }) : {};
  return checkCount(requests);
}

/** The requests, or `invalid_request` when they are none, or too many for one call. */
export function checkCount(requests: unknown): readonly unknown[] {
  const most = requestLimits.requests;
  if (Array.isArray(requests) && requests.length > 0 && requests.length <= most) return requests;
  const found = Array.isArray(requests) ? `, found ${requests.length}` : "";
  const problem = { path: "requests", message: `must be a list of 1 to ${most} requests${found}` };
  throw new SignalboxError("invalid_request", `The request is not valid: requests ${problem.message}`, {
    problems: [problem],
  });
}
