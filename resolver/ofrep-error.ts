import type { ServerResponse } from "node:http";
import { SignalboxError } from "../service/errors.ts";
import { sendJson } from "../service/http-app.ts";

/** OpenFeature's error codes, as far as they happen here. */
export type OfrepErrorCode = "PARSE_ERROR" | "INVALID_CONTEXT" | "FLAG_NOT_FOUND" | "GENERAL";

/** One flag that could not be evaluated. */
export type OfrepFailure = {
  readonly key?: string;
  readonly errorCode: OfrepErrorCode;
  readonly errorDetails: string;
};

export function failureOf(error: SignalboxError, key?: string): OfrepFailure {
  return { ...(key === undefined ? {} : { key }), errorCode: codeOf(error), errorDetails: error.message };
}

function codeOf({ code, problems }: SignalboxError): OfrepErrorCode {
  if (code === "unknown_objective") return "FLAG_NOT_FOUND";
  if (code !== "invalid_request") return "GENERAL";
  if (problems.length === 0) return "PARSE_ERROR";
  return problems.some(({ path }) => path.startsWith("context")) ? "INVALID_CONTEXT" : "GENERAL";
}

/**
 * Answers a failed request in OFREP's words: 404 and 400 with an error code, everything else with the status of the error
 * and its details alone.
 */
export function sendOfrepError(response: ServerResponse, thrown: unknown, key?: string): void {
  const error = SignalboxError.from(thrown);
  const { httpStatus, retryable } = error.meaning;
  if (retryable) response.setHeader("retry-after", "1");
  const isEvaluation = httpStatus === 400 || httpStatus === 404;
  sendJson(
    response,
    httpStatus,
    JSON.stringify(isEvaluation ? failureOf(error, key) : { errorDetails: error.message }),
  );
}
