import { isUtf8 } from "node:buffer";
import { needsCells } from "../cells/with-cells.ts";
import { type FastAnswer, type FastRequest, type FastRoute, jsonAnswer } from "../service/fast-lane.ts";
import { type AnswerDeps, resolveAll } from "./answer.ts";
import type { EndpointDeps } from "./endpoint.ts";
import { readPlainFields } from "./plain-fields.ts";
import { resolutionJson } from "./resolution.ts";

/**
 * `POST /v1/resolve` for one objective without an override, when it succeeds and nobody traces; everything else is left
 * to {@link postResolve}, which tells what is wrong with it.
 */
export function fastResolve(deps: EndpointDeps & AnswerDeps): FastRoute {
  return {
    takes: (start) => start === "POST /v1/resolve",
    maxBodyBytes: deps.maxRequestBytes,
    answer: (request) => answer(deps, request),
  };
}

function answer(deps: EndpointDeps & AnswerDeps, { headers, body, socket }: FastRequest): FastAnswer | null {
  if (deps.tracing !== null || headers.authorization !== undefined || !isUtf8(body)) return null;
  const startedAt = performance.now();
  try {
    const request = readPlainFields(JSON.parse(body.toString("utf8")));
    // What has to be looked up takes the way that can wait.
    if (request === null || needsCells(deps, request)) return null;
    const caller = { authorization: undefined, peer: () => socket.remoteAddress ?? "" };
    const [outcome] = resolveAll(deps, request, caller);
    if (!outcome || !("value" in outcome)) return null;
    deps.observation.callEnded("http", "resolve", "ok", (performance.now() - startedAt) / 1000);
    return jsonAnswer(resolutionJson(outcome.value, request));
  } catch {
    // A request for one objective fails before anything is counted.
    return null;
  }
}
