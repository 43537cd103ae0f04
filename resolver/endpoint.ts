import type { RequestHandler } from "express";
import { type ErrorCode, SignalboxError } from "../service/errors.ts";
import { sendError } from "../service/http-app.ts";
import type { SetAttributes, Tracing } from "../service/tracing.ts";
import type { Caller } from "./decide.ts";
import type { Method, Observation } from "./observation.ts";
import { readJsonBody } from "./read-json-body.ts";
import { parseRequest, type ResolveRequest } from "./request.ts";

export type EndpointDeps = {
  readonly observation: Observation;
  readonly maxRequestBytes: number;
  readonly tracing: Tracing | null;
};

/** Answers a request with the text of a JSON document. */
export type AnswerJson = (request: ResolveRequest, caller: Caller) => string;

/** A `POST` endpoint that takes a resolve request: reads it, has it answered, and counts, traces and logs the call. */
export function postEndpoint(deps: EndpointDeps, method: Method, answerJson: AnswerJson): RequestHandler {
  const { observation, tracing } = deps;
  return async (request, response) => {
    const caller = { authorization: request.headers.authorization, peer: request.socket.remoteAddress ?? "" };
    let startedAt = performance.now();
    let code: ErrorCode | "ok" = "ok";
    const run = async (set?: SetAttributes) => {
      const body = await readJsonBody(request, deps.maxRequestBytes);
      startedAt = performance.now();
      const parsed = parseRequest(body);
      set?.({ "signalbox.namespace": parsed.namespace, "signalbox.objectives": parsed.objectives.join(",") });
      return answerJson(parsed, caller);
    };
    try {
      const name = `POST /v1/${method}`;
      const json = tracing
        ? await tracing.inServerSpan({ name, carrier: request.headers, attributes: {} }, run)
        : await run();
      response.writeHead(200, { "content-type": jsonType, "content-length": Buffer.byteLength(json) });
      response.end(json);
    } catch (thrown) {
      const error = SignalboxError.from(thrown);
      code = error.code;
      observation.callFailed("http", method, error, caller);
      sendError(response, error);
    } finally {
      observation.callEnded("http", method, code, (performance.now() - startedAt) / 1000);
    }
  };
}

const jsonType = "application/json; charset=utf-8";

/** For the other methods of a path. */
export const postOnly: RequestHandler = (request, response) => {
  response.setHeader("allow", "POST");
  throw new SignalboxError("method_not_allowed", `${request.path} takes POST, not ${request.method}.`);
};
