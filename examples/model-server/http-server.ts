import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { ModelServerContext } from "./context.ts";
import { InferError, infer, parseInferRequest, readRows } from "./infer.ts";
import { requestFacts } from "./log.ts";
import { modelMetadata, serverMetadata } from "./metadata.ts";
import { BodyError, readBody } from "./read-body.ts";

/** Milliseconds between two events of `infer_stream`. */
const eventIntervalMs = 20;

type Answer = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** One JSON value, or several as server-sent events. */
  readonly body: unknown | AsyncIterable<unknown>;
};
type Target = { readonly request: IncomingMessage; readonly model: string; readonly version: string | undefined };
type Routes = ReadonlyMap<string, (target: Target) => Answer | Promise<Answer>>;

/**
 * The REST half of the Open Inference Protocol: server metadata, health, model metadata and readiness, `infer`, and
 * `infer_stream`, which answers row by row as server-sent events. Errors are `{"error": "..."}`. The answers of both
 * say in `x-body-sha256` and `x-body-bytes` which bytes arrived, so that a client can compare.
 */
export function createHttpServer(context: ModelServerContext): Server {
  const routes = createRoutes(context);
  return createServer(async (request, response) => {
    const answer = await route(routes, request).catch((error: unknown) => refuse(context, request, error));
    // Asked now and not at the request's beginning, because the server may have begun to end in between.
    if (!context.isReady()) response.shouldKeepAlive = false;
    await send(response, answer);
  });
}

/** `GET /v2/models/M/versions/V/ready` is looked up as `GET model ready`, with the model and the version taken out. */
const modelPath = /^\/v2\/models\/([^/]+)(?:\/versions\/([^/]+))?(?:\/(ready|infer|infer_stream))?$/;

async function route(routes: Routes, request: IncomingMessage): Promise<Answer> {
  const [path = "/"] = (request.url ?? "/").split("?", 1);
  const [, model = "", version, action = "metadata"] = modelPath.exec(path) ?? [];
  const name = model ? `model ${action}` : path;
  const handler = routes.get(`${request.method} ${name}`);
  if (handler) return handler({ request, model, version });
  const allowed = ["GET", "POST"].filter((method) => routes.has(`${method} ${name}`)).join(", ");
  if (!allowed) throw new InferError(404, `${path} is not a path of the Open Inference Protocol`);
  return { status: 405, headers: { allow: allowed }, body: { error: `${path} takes ${allowed}` } };
}

function createRoutes({ models, log, isReady }: ModelServerContext): Routes {
  const accept = async ({ request, model, version }: Target) => {
    const body = await readBody(request);
    const weights = models.find(model, version);
    const parsed = parseInferRequest(body.text);
    const rows = readRows(parsed);
    log("inference", {
      ...requestFacts(request.headers),
      model: `${weights.model}@${weights.version}`,
      rows: rows.length,
      bytes: body.bytes,
    });
    const headers = { "x-body-sha256": body.sha256, "x-body-bytes": String(body.bytes) };
    return { headers, rows, answer: (some: readonly number[][]) => infer(weights, parsed, some) };
  };
  return new Map<string, (target: Target) => Answer | Promise<Answer>>([
    ["GET /v2", () => ({ status: 200, body: serverMetadata })],
    ["GET /v2/health/live", () => ({ status: 200, body: { live: true } })],
    ["GET /v2/health/ready", () => ({ status: isReady() ? 200 : 503, body: { ready: isReady() } })],
    [
      "GET model metadata",
      ({ model, version }) => ({ status: 200, body: modelMetadata(models, models.find(model, version)) }),
    ],
    [
      "GET model ready",
      (target) => {
        const { model: name, version } = models.find(target.model, target.version);
        return { status: isReady() ? 200 : 503, body: { name, version, ready: isReady() } };
      },
    ],
    [
      "POST model infer",
      async (target) => {
        const { headers, rows, answer } = await accept(target);
        return { status: 200, headers, body: answer(rows) };
      },
    ],
    [
      "POST model infer_stream",
      async (target) => {
        const { headers, rows, answer } = await accept(target);
        // Before the first event, so that a refusal still is an HTTP status.
        answer([]);
        return { status: 200, headers, body: oneByOne(rows, (row) => answer([row])) };
      },
    ],
  ]);
}

async function* oneByOne<Row>(rows: readonly Row[], answer: (row: Row) => unknown): AsyncIterable<unknown> {
  for (const [index, row] of rows.entries()) {
    if (index > 0) await sleep(eventIntervalMs);
    yield answer(row);
  }
}

function refuse({ log }: ModelServerContext, request: IncomingMessage, error: unknown): Answer {
  const status = error instanceof InferError || error instanceof BodyError ? error.status : 500;
  const message = error instanceof Error ? error.message : String(error);
  log("request refused", { ...requestFacts(request.headers), path: request.url, status, error: message });
  return { status, body: { error: message } };
}

async function send(response: ServerResponse, { status, headers, body }: Answer): Promise<void> {
  if (isStream(body)) {
    response.writeHead(status, { ...headers, "content-type": "text/event-stream", "cache-control": "no-cache" });
    for await (const event of body) {
      if (response.destroyed) return;
      response.write(`data: ${JSON.stringify(event)}\n\n`);
    }
    response.end();
    return;
  }
  const text = JSON.stringify(body);
  response.writeHead(status, {
    ...headers,
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}

function isStream(body: unknown): body is AsyncIterable<unknown> {
  return typeof body === "object" && body !== null && Symbol.asyncIterator in body;
}
