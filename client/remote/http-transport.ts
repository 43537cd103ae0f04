import { inject } from "../tracing.ts";
import { defaultsSchema, errorSchema, resultsSchema } from "./answer-schema.ts";
import { RefusedError, type ResolveCall, type Transport } from "./transport.ts";

/** A resolver over HTTP; `url` is such as `http://127.0.0.1:7070`. */
export function createHttpTransport(url: string, fetch: typeof globalThis.fetch): Transport {
  const base = url.replace(/\/+$/, "");
  return {
    url,
    resolve: async (call, signal) => {
      const response = await fetch(`${base}/v1/resolve`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          ...(call.token === undefined ? {} : { authorization: `Bearer ${call.token}` }),
          ...inject(),
        },
        body: JSON.stringify(bodyOf(call)),
        signal,
      });
      const parsed = resultsSchema.safeParse(await readAnswer(response));
      if (parsed.success && parsed.data.results.length === call.objectives.length) return parsed.data.results;
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
