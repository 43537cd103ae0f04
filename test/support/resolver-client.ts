import { Client, credentials } from "@grpc/grpc-js";
import { Resolver } from "../../proto/gen/signalbox/resolver/v1/resolver_pb.js";
import { methodDefinition } from "../../service/grpc-service.ts";
import { callUnary, type Methods } from "./unary-call.ts";

/** What came back: the status and the parsed JSON, or null when it is none. */
export type JsonAnswer = { readonly status: number; readonly headers: Headers; readonly body: Record<string, unknown> };

/** POSTs a value as JSON, or a text or bytes as they are. */
export async function postJson(
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<JsonAnswer> {
  const isRaw = typeof body === "string" || body instanceof Uint8Array;
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: isRaw ? (body as string) : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as JsonAnswer["body"] };
}

/** What a resolver answers, as far as tests ask for it; `error` when it gives no key. */
export type ResolveAnswer = {
  readonly routingKey?: string;
  readonly config?: { readonly version: string };
  readonly revision?: number;
  readonly error?: { readonly code: string; readonly message: string };
};

/** Asks the resolver at this address about an objective, in an empty context unless given one. */
export async function resolveAt(
  url: string,
  objective: string,
  more: { readonly namespace?: string; readonly context?: object } = {},
): Promise<ResolveAnswer> {
  return (await postJson(`${url}/v1/resolve`, { objective, context: {}, ...more })).body;
}

/** The methods of the gRPC service, by name. */
const methods = Object.fromEntries(
  Resolver.methods.map((method) => [method.name, methodDefinition(Resolver, method)]),
) as Methods;

/** Calls Resolve or Explain with a message; rejects with grpc-js' ServiceError. The caller closes the client. */
export function callResolver(
  client: Client,
  method: "Resolve" | "Explain",
  message: object,
  metadata: Readonly<Record<string, string>> = {},
): Promise<object> {
  return callUnary(client, methods, method, message, metadata);
}

export function grpcClient(address: string): Client {
  return new Client(address, credentials.createInsecure());
}
