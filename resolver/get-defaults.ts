import type { IncomingMessage, ServerResponse } from "node:http";
import { name } from "../config/documents/common.ts";
import { SignalboxError } from "../service/errors.ts";
import { sendError, sendJson } from "../service/http-app.ts";
import type { DecideDeps } from "./decide.ts";
import { createDefaults } from "./defaults.ts";
import type { Endpoint } from "./endpoint.ts";
import { isKnownTag } from "./etag.ts";
import { type ObservedCallDeps, observeCall } from "./observed-call.ts";

/**
 * `GET /v1/defaults?namespace=default`: the default answer of every objective of a namespace, `{"results": […]}`, with an
 * `ETag`; 304 when `If-None-Match` has it.
 */
export function getDefaults(deps: Pick<DecideDeps, "selection"> & ObservedCallDeps): Endpoint {
  const defaultsOf = createDefaults(deps);
  return (request, response) =>
    observeCall(deps, {
      ...{ method: "defaults", name: "GET /v1/defaults", request, response, fail: sendError },
      run: async () => {
        const { version, json } = defaultsOf(namespaceOf(request));
        answer(request, response, version, json);
      },
    });
}

/** 200 with the content, or 304 without it. */
export function answer(request: IncomingMessage, response: ServerResponse, tag: string, json: string): void {
  response.setHeader("etag", tag);
  if (isKnownTag(request.headers["if-none-match"], tag)) response.writeHead(304).end();
  else sendJson(response, 200, json);
}

function namespaceOf({ url }: IncomingMessage): string {
  const given = new URL(url ?? "/", "http://resolver").searchParams.get("namespace");
  return given === null || given === "" ? "default" : checkNamespace(given, "namespace");
}

/** The namespace, or `invalid_request` when it cannot be one. */
export function checkNamespace(given: string, path: string): string {
  const parsed = name.safeParse(given);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ message }) => ({ path, message }));
  const messages = problems.map(({ message }) => message).join("; ");
  throw new SignalboxError("invalid_request", `The request is not valid: ${path} ${messages}`, { problems });
}
