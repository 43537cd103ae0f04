import { SpanStatusCode } from "@opentelemetry/api";
import type { Context } from "../selection/context.ts";
import type { Answer } from "./answer.ts";
import { messageOf, SignalboxClientError } from "./client-error.ts";
import type { EventListener } from "./events.ts";
import { fallbacksOf } from "./fallback.ts";
import { type Payload, type PlacedBody, placeConfig } from "./place-config.ts";
import type { ResolveOptions } from "./question.ts";
import { inject, inSpan } from "./tracing.ts";

export type { Payload } from "./place-config.ts";

/** What may be said of one request besides its objective, context and payload. */
export type InferOptions = ResolveOptions & {
  /** What Envoy is asked for; `/infer` by default, which it rewrites to the model's own path. */
  readonly path?: string;
  /** Added to the request; those of the decision win. */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Whether a request that failed is sent again with the answer's fallback key, the objective's default; true by default.
   * Failed means: no answer at all, or a status of 500 to 599 but 504. A stream is sent once.
   */
  readonly retryOnFallback?: boolean;
};

/** The model's answer, and which version was asked for. */
export type Inference = {
  /** Its `body` streams. Any status: what the model, or Envoy for it, answered. */
  readonly response: Response;
  /** What the request was sent with: after a retry, the fallback. */
  readonly answer: Answer;
};

export type SendingDeps = {
  readonly fetch: typeof globalThis.fetch;
  readonly emit: EventListener;
  readonly envoyUrl: string | undefined;
  /** The objective's default as last heard of. */
  readonly defaultFor: (answer: Answer) => Answer | undefined;
  readonly resolve: (objective: string, context: Context, options?: ResolveOptions) => Promise<Answer>;
};

type Infer = (objective: string, context: Context, payload: Payload, options?: InferOptions) => Promise<Inference>;

export function createInfer(deps: SendingDeps): Infer {
  return async (objective, context, payload, options = {}) => {
    const url = envoyAddress(deps.envoyUrl, options.path ?? "/infer");
    const answer = await deps.resolve(objective, context, options);
    return inSpan("signalbox.infer", { "signalbox.objective": answer.objective }, async (span) => {
      const inference = await sendInTurn(deps, url, { answer, payload, options });
      const { response, answer: used } = inference;
      span.setAttribute("signalbox.routing_key", used.routingKey);
      span.setAttribute("signalbox.source", used.source);
      span.setAttribute("http.response.status_code", response.status);
      if (response.status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      return inference;
    });
  };
}

type Sending = { readonly answer: Answer; readonly payload: Payload; readonly options: InferOptions };

/** Sends with the answer, then with its fallbacks, until one does not fail; the last one counts. */
async function sendInTurn(deps: SendingDeps, url: string, { answer, payload, options }: Sending): Promise<Inference> {
  const placed = placeConfig(payload, answer.config);
  const mayRetry = placed.isReplayable && options.retryOnFallback !== false && !options.override;
  const fallbacks = mayRetry ? fallbacksOf(answer, deps.defaultFor(answer)) : [];
  let current = answer;
  let body = placed;
  for (const next of fallbacks) {
    const sent = await attempt(deps, url, { answer: current, body, options });
    if (sent.failure === null) return { response: sent.response, answer: current };
    await sent.response?.body?.cancel();
    const { objective, routingKey: from } = current;
    deps.emit({ type: "infer-retried", objective, from, to: next.routingKey, reason: sent.failure });
    current = next;
    body = placeConfig(payload, next.config);
  }
  return { response: await send(deps, url, { answer: current, body, options }), answer: current };
}

type Attempt = { readonly answer: Answer; readonly body: PlacedBody; readonly options: InferOptions };
type Sent =
  | { readonly failure: null; readonly response: Response }
  | { readonly failure: string; readonly response: Response | null };

async function attempt(deps: SendingDeps, url: string, request: Attempt): Promise<Sent> {
  try {
    const response = await send(deps, url, request);
    const { status } = response;
    // After 504 the time that the objective allows is over, and the model may still be working on it.
    const hasFailed = status >= 500 && status < 600 && status !== 504;
    return { failure: hasFailed ? `status ${status}` : null, response } as Sent;
  } catch (error) {
    if (request.options.signal?.aborted) throw error;
    return { failure: messageOf(error), response: null };
  }
}

function send({ fetch }: SendingDeps, url: string, { answer, body: placed, options }: Attempt): Promise<Response> {
  const { body, headers, isReplayable } = placed;
  const init = {
    method: "POST",
    headers: { ...lowerCase(options.headers ?? {}), ...headers, ...inject(), ...answer.headers },
    body,
    signal: options.signal,
    // A model's redirection is its answer, and a stream cannot follow it.
    redirect: "manual",
    // What fetch wants to hear of a body that is a stream.
    ...(isReplayable ? {} : { duplex: "half" }),
  };
  return fetch(url, init as RequestInit);
}

/** So that a header is there once, whoever gave it. */
function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** The address of a path of Envoy; throws `invalid_options` without an `envoyUrl`. */
export function envoyAddress(envoyUrl: string | undefined, path: string): string {
  if (envoyUrl === undefined) {
    throw new SignalboxClientError("invalid_options", "createSignalbox: envoyUrl is needed to send requests");
  }
  return envoyUrl.replace(/\/+$/, "") + path.replace(/^\/?/, "/");
}
