import type { IncomingMessage, ServerResponse } from "node:http";
import type { RequestHandler } from "express";
import { type WithCellsDeps, withCells } from "../cells/with-cells.ts";
import { type ErrorCode, SignalboxError } from "../service/errors.ts";
import { sendError, sendJson } from "../service/http-app.ts";
import type { Tracing } from "../service/tracing.ts";
import type { Caller } from "./decide.ts";
import type { Method, Observation } from "./observation.ts";
import { readJsonBody } from "./read-json-body.ts";
import { parseRequest, type ResolveRequest } from "./request.ts";

export type EndpointDeps = WithCellsDeps & {
  readonly observation: Observation;
  readonly maxRequestBytes: number;
  readonly tracing: Tracing | null;
};

/** A handler that needs nothing of Express, and may be given to it. Never rejects. */
export type Endpoint = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Answers a request with the text of a JSON document. */
export type AnswerJson = (request: ResolveRequest, caller: Caller) => string;

/** A `POST` endpoint that takes a resolve request: reads it, has it answered, and counts, traces and logs the call. */
export function postEndpoint(deps: EndpointDeps, method: Method, answerJson: AnswerJson): Endpoint {
  const { observation, tracing, maxRequestBytes } = deps;
  const name = `POST /v1/${method}`;
  return async (request, response) => {
    const caller = callerOf(request);
    let startedAt = 0;
    let code: ErrorCode | "ok" = "ok";
    try {
      const body = await readJsonBody(request, maxRequestBytes);
      startedAt = performance.now();
      const json = tracing
        ? await tracing.inServerSpan({ name, carrier: request.headers, attributes: {} }, async () =>
            answerJson(await withCells(deps, parseRequest(body)), caller),
          )
        : answerJson(await withCells(deps, parseRequest(body)), caller);
      sendJson(response, 200, json);
    } catch (thrown) {
      code = SignalboxError.from(thrown).code;
      observation.callFailed("http", method, thrown, caller);
      sendError(response, thrown);
    }
    observation.callEnded("http", method, code, startedAt === 0 ? 0 : (performance.now() - startedAt) / 1000);
  };
}

export function callerOf({ headers, socket }: IncomingMessage): Caller {
  return { authorization: headers.authorization, peer: () => socket.remoteAddress ?? "" };
}

/** For the other methods of a path that takes only this one. */
function only(method: "GET" | "POST"): RequestHandler {
  return (request, response) => {
    response.setHeader("allow", method);
    throw new SignalboxError("method_not_allowed", `${request.path} takes ${method}, not ${request.method}.`);
  };
}

export const postOnly = only("POST");
export const getOnly = only("GET");
