import type { ServerResponse } from "node:http";
import express, { type ErrorRequestHandler, type Express } from "express";
import { SignalboxError } from "./errors.ts";
import type { Health } from "./health.ts";
import { type Logger, logError } from "./logger.ts";
import type { Metrics } from "./metrics.ts";

export type HttpAppDeps = { readonly health: Health; readonly metrics: Metrics; readonly logger: Logger };

/**
 * An Express app with `/healthz` (200 while the process turns), `/readyz` (200, or 503 with the reasons) and `/metrics`;
 * `addRoutes` adds the process' own. Everything else answers `not_found`, and whatever a handler throws or rejects with
 * is sent as its error body and logged.
 */
export function createHttpApp(deps: HttpAppDeps, addRoutes: (app: Express) => void = () => undefined): Express {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  addRoutes(app);
  app.get("/healthz", (_request, response) => {
    response.json({ status: "ok" });
  });
  app.get("/readyz", (_request, response) => {
    const readiness = deps.health.readiness();
    response.status(readiness.status === "ready" ? 200 : 503).json(readiness);
  });
  app.get("/metrics", async (_request, response) => {
    const { contentType, text } = await deps.metrics.expose();
    response.setHeader("content-type", contentType);
    response.send(text);
  });
  app.use((request) => {
    throw new SignalboxError("not_found", `There is no ${request.method} ${request.path.slice(0, 200)} here.`);
  });
  app.use(errorHandler(deps.logger));
  return app;
}

/** Answers with a JSON document. */
export function sendJson(response: ServerResponse, status: number, json: string): void {
  response.writeHead(status, { "content-type": jsonType, "content-length": Buffer.byteLength(json) });
  response.end(json);
}

const jsonType = "application/json; charset=utf-8";

/** Answers a failed request with `{"error": {code, message, …}}` and the HTTP status of its code. */
export function sendError(response: ServerResponse, thrown: unknown): void {
  const error = SignalboxError.from(thrown);
  if (error.meaning.retryable) response.setHeader("retry-after", "1");
  sendJson(response, error.meaning.httpStatus, JSON.stringify({ error: error.toBody() }));
}

function errorHandler(logger: Logger): ErrorRequestHandler {
  return (thrown, request, response, _next) => {
    const error = fromExpress(thrown);
    logError(logger, error, "request failed", { method: request.method, path: request.path });
    if (response.headersSent) response.destroy();
    else sendError(response, error);
  };
}

/** Express' own refusals, such as a path that is not percent-encoded right, carry a `status` of 400. */
function fromExpress(thrown: unknown): SignalboxError {
  if (thrown instanceof SignalboxError || !(thrown instanceof Error)) return SignalboxError.from(thrown);
  const { status } = thrown as { status?: unknown };
  if (status === 400) return new SignalboxError("invalid_request", thrown.message, { cause: thrown });
  return SignalboxError.from(thrown);
}
