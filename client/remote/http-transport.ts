import { inject } from "../tracing.ts";
import { answersSchema, defaultsSchema, errorSchema, resultsSchema } from "./answer-schema.ts";
import { createGate } from "./gate.ts";
import { type CallAnswer, RefusedError, type ResolveCall, type Transport } from "./transport.ts";

/** `fetch` opens a connection for each request under way: beyond this many they would only wait in the resolver. */
const requestsAtOnce = 64;

/** A resolver over HTTP; `url` is such as `http://127.0.0.1:7070`. */
export function createHttpTransport(url: string, fetch: typeof globalThis.fetch): Transport {
  const base = url.replace(/\/+$/, "");
  const gate = createGate(requestsAtOnce);
  const post = async (path: string, body: object, token: string | undefined, signal: AbortSignal) => {
    const headers = {
      "content-type": "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...inject(),
    };
    const leave = await gate.enter(signal);
    return fetch(base + path, { method: "POST", headers, body: JSON.stringify(body), signal })
      .then(readAnswer)
      .finally(leave);
  };
  return {
    url,
    resolve: async (call, signal) => {
      const parsed = resultsSchema.safeParse(await post("/v1/resolve", bodyOf(call), call.token, signal));
      if (parsed.success && parsed.data.results.length === call.objectives.length) return parsed.data.results;
      throw new Error("what answers is no resolver of this version");
    },
    resolveMany: async (calls, signal) => {
      const requests = calls.map(bodyOf);
      const parsed = answersSchema.safeParse(await post("/v1/resolve-many", { requests }, undefined, signal));
      if (parsed.success && parsed.data.answers.every(isAnswerTo(calls))) return parsed.data.answers;
      throw new Error("what answers is no resolver of this version");
    },
    defaults: async (namespace, knownVersion, signal) => {
      const response = await fetch(`${base}/v1/defaults?namespace=${encodeURIComponent(namespace)}`, {
        headers: knownVersion === undefined ? {} : { "if-none-match": knownVersion },
        signal,
      });
      if (response.status === 304) return null;
      const parsed = defaultsSchema.safeParse(await readAnswer(response));
      if (!parsed.success) throw new Error("what answers is no resolver of this version");
      return { version: response.headers.get("etag") ?? "", resolutions: parsed.data.results };
    },
    close: () => undefined,
  };
}

function isAnswerTo(calls: readonly ResolveCall[]) {
  return (answer: CallAnswer, index: number, all: readonly CallAnswer[]) =>
    all.length === calls.length && ("refused" in answer || answer.length === calls[index]?.objectives.length);
}

function bodyOf({ namespace, objectives, context, labels, override }: ResolveCall): object {
  return { namespace, objectives, context, ...labels, ...(override === undefined ? {} : { override }) };
}

async function readAnswer(response: Response): Promise<unknown> {
  const text = await response.text();
  if (response.ok) return JSON.parse(text);
  const parsed = errorSchema.safeParse(parsedOrNull(text));
  if (!parsed.success) throw new Error(`status ${response.status}`);
  throw new RefusedError(parsed.data.error);
}

function parsedOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
