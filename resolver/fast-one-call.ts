import { needsCells } from "../cells/with-cells.ts";
import { createAttached } from "../config/attached.ts";
import type { Decision } from "../selection/decision.ts";
import { oneCallPath } from "../selection/one-call/question.ts";
import type { FastAnswer, FastRequest, FastRoute } from "../service/fast-lane.ts";
import { type AnswerDeps, decideOneCall } from "./answer.ts";
import type { EndpointDeps } from "./endpoint.ts";
import { answerHeaders, overrideHeader, readRequest } from "./ext-authz.ts";

/**
 * Envoy's question in one-call mode for a POST without an override, when it succeeds and nobody traces; everything else is
 * left to {@link extAuthz}, which tells what is wrong with it.
 */
export function fastOneCall(deps: EndpointDeps & AnswerDeps): FastRoute {
  const start = `POST ${oneCallPath}/`;
  return { takes: (given) => given.startsWith(start), maxBodyBytes: 0, answer: (request) => answer(deps, request) };
}

function answer(deps: EndpointDeps & AnswerDeps, { headers, socket }: FastRequest): FastAnswer | null {
  if (deps.tracing !== null || headers[overrideHeader] !== undefined) return null;
  const startedAt = performance.now();
  try {
    const request = readRequest(deps, headers);
    // What has to be looked up takes the way that can wait.
    if (needsCells(deps, request)) return null;
    const caller = { authorization: undefined, peer: () => socket.remoteAddress ?? "" };
    const fields = fieldsOf(decideOneCall(deps, request, caller));
    deps.observation.callEnded("http", "one_call", "ok", (performance.now() - startedAt) / 1000);
    // Each header of the answer costs Envoy more than all that is done here.
    return { fields, body: "", isBare: true };
  } catch {
    // A request fails before anything is counted.
    return null;
  }
}

// Of each decision, as long as it lives.
const written = createAttached<Decision, string>();

function fieldsOf(decision: Decision): string {
  const known = written.get(decision);
  if (known !== undefined) return known;
  const lines = answerHeaders(decision).map((text, index) => (index % 2 === 0 ? `${text}: ` : `${text}\r\n`));
  const fields = lines.join("");
  written.set(decision, fields);
  return fields;
}
