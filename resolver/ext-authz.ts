import type { IncomingHttpHeaders } from "node:http";
import { withCells } from "../cells/with-cells.ts";
import { createAttached } from "../config/attached.ts";
import type { CompiledObjective } from "../selection/compile.ts";
import type { Context } from "../selection/context.ts";
import type { Decision } from "../selection/decision.ts";
import { clientName, type TrafficClass, trafficClasses } from "../selection/labels.ts";
import { contextHeader, type OneCallAttribute, oneCallAttributes } from "../selection/one-call/attributes.ts";
import { oneCallHeaders } from "../selection/one-call/headers.ts";
import { oneCallPath } from "../selection/one-call/question.ts";
import { readContext } from "../selection/one-call/read-context.ts";
import { type ErrorCode, SignalboxError } from "../service/errors.ts";
import { sendError } from "../service/http-app.ts";
import { type AnswerDeps, decideOneCall } from "./answer.ts";
import type { Caller } from "./decide.ts";
import { callerOf, type Endpoint, type EndpointDeps } from "./endpoint.ts";
import type { ResolveRequest } from "./request.ts";

/** A version that an authorised caller asks for. */
export const overrideHeader = "x-signalbox-override";

const headers = {
  objective: "x-signalbox-objective",
  override: overrideHeader,
  trafficClass: "x-signalbox-traffic-class",
  client: "x-signalbox-client",
} as const;

/**
 * Selects for a request in one-call mode: Envoy's Lua filter or its `ext_authz` asks with the headers of the client's request, in any method
 * and below {@link oneCallPath}. 200 carries the headers that the request goes on with; 4xx goes to the client as it is;
 * 5xx counts as no answer, and Envoy does what the objective's policy says for that.
 */
export function extAuthz(deps: EndpointDeps & AnswerDeps): Endpoint {
  const { observation, tracing } = deps;
  const decide = async (given: IncomingHttpHeaders, caller: Caller) =>
    decideOneCall(deps, await withCells(deps, readRequest(deps, given)), caller);
  return async (request, response) => {
    const startedAt = performance.now();
    const caller = callerOf(request);
    let code: ErrorCode | "ok" = "ok";
    try {
      const decision = tracing
        ? await tracing.inServerSpan({ name: oneCallPath, carrier: request.headers, attributes: {} }, () =>
            decide(request.headers, caller),
          )
        : await decide(request.headers, caller);
      response.writeHead(200, answerHeaders(decision));
      response.end();
    } catch (thrown) {
      const error = behindEnvoy(SignalboxError.from(thrown));
      code = error.code;
      observation.callFailed("http", "one_call", error, caller);
      sendError(response, error);
    }
    observation.callEnded("http", "one_call", code, (performance.now() - startedAt) / 1000);
  };
}

// Of each decision, as long as it lives.
const answers = createAttached<Decision, string[]>();

/** Names and values in turn. */
export function answerHeaders(decision: Decision): string[] {
  const known = answers.get(decision);
  if (known) return known;
  const { routingKey, config, decision: described } = oneCallHeaders(decision);
  const made = [
    ...["x-routing-key", routingKey, "x-signalbox-config", config, "x-signalbox-decision", described],
    ...["content-length", "0"],
  ];
  answers.set(decision, made);
  return made;
}

/** Envoy asks for objectives that it routes: a resolver that does not know one is behind, and another may answer. */
function behindEnvoy(error: SignalboxError): SignalboxError {
  return error.code === "unknown_objective" ? new SignalboxError("not_ready", error.message, { cause: error }) : error;
}

const noContext: Context = Object.freeze(Object.create(null));

/** The request that the headers of a client make. Throws `invalid_request`. */
export function readRequest({ selection }: Pick<AnswerDeps, "selection">, given: IncomingHttpHeaders): ResolveRequest {
  const objective = single(given[headers.objective]) ?? "";
  const match = /^([a-z0-9-]{1,63})\/([a-z0-9-]{1,63})$/.exec(objective);
  if (!match) {
    const message = `${headers.objective} must be <namespace>/<objective>, found ${JSON.stringify(objective.slice(0, 200))}.`;
    throw new SignalboxError("invalid_request", message);
  }
  const [, namespace = "", name = ""] = match;
  const client = single(given[headers.client]);
  const trafficClass = trafficClasses.find((each): each is TrafficClass => each === given[headers.trafficClass]);
  const override = readOverride(single(given[headers.override]));
  // Without it nothing is decided, and the error says why.
  const compiled = selection()?.objectives.get(objective);
  return {
    namespace,
    objectives: [name],
    single: true,
    context: compiled ? contextOf(compiled, given) : noContext,
    ...(override ? { override } : {}),
    ...(trafficClass ? { trafficClass } : {}),
    ...(client !== undefined && clientName.test(client) ? { client } : {}),
  };
}

function readOverride(text: string | undefined): ResolveRequest["override"] {
  if (text === undefined) return undefined;
  const match = /^(?:([a-z0-9-]{1,63})@)?([A-Za-z0-9._-]{1,63})$/.exec(text);
  if (match) return { model: match[1], version: match[2] ?? "" };
  const found = JSON.stringify(text.slice(0, 200));
  throw new SignalboxError(
    "invalid_request",
    `${headers.override} must be <version> or <model>@<version>, found ${found}.`,
  );
}

// Of each compiled objective, as long as it lives.
const attributesOf = createAttached<CompiledObjective, readonly OneCallAttribute[]>();

/** Attributes that come in headers of their own have been put under the usual names inside Envoy. */
function usualAttributes(compiled: CompiledObjective): readonly OneCallAttribute[] {
  const known = attributesOf.get(compiled);
  if (known) return known;
  const attributes = oneCallAttributes(compiled).map((attribute) =>
    attribute.header === null ? attribute : { ...attribute, header: contextHeader(attribute.name) },
  );
  attributesOf.set(compiled, attributes);
  return attributes;
}

function contextOf(compiled: CompiledObjective, given: IncomingHttpHeaders): Context {
  const read = readContext((name) => single(given[name]), usualAttributes(compiled));
  if (read.ok) return read.context;
  const { header, message } = read.problem;
  const problems = [{ path: header, message }];
  throw new SignalboxError("invalid_request", `${header} ${message}.`, { problems });
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(",") : value;
}
