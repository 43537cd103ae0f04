import { type WithCellsDeps, withCells } from "../cells/with-cells.ts";
import { type ResolveRequest, Resolver } from "../proto/gen/signalbox/resolver/v1/resolver_pb.js";
import { type ErrorCode, SignalboxError } from "../service/errors.ts";
import { type GrpcService, type UnaryCall, type UnaryHandlers, unaryService } from "../service/grpc-service.ts";
import type { Tracing } from "../service/tracing.ts";
import { type AnswerDeps, explainAll, resolveAll } from "./answer.ts";
import type { Caller } from "./decide.ts";
import { createDefaults } from "./defaults.ts";
import { fastGrpcResolve } from "./fast-grpc-resolve.ts";
import { checkNamespace } from "./get-defaults.ts";
import {
  fromMessage,
  type ResolveAnswer,
  toExplainResponse,
  toListDefaultsResponse,
  toResolveManyResponse,
  toResolveResponse,
} from "./grpc-messages.ts";
import { checkCount } from "./post-resolve-many.ts";
import { parseRequest } from "./request.ts";

export type GrpcResolverDeps = AnswerDeps & WithCellsDeps & { readonly tracing: Tracing | null };

/** The gRPC service `signalbox.resolver.v1.Resolver`: the same answers as over HTTP. */
export function createGrpcResolver(deps: GrpcResolverDeps): GrpcService {
  const defaultsOf = createDefaults(deps);
  const handlers: UnaryHandlers<typeof Resolver> = {
    resolve: (message, call) =>
      observed(deps, "resolve", call, async (caller) => {
        const request = await withCells(deps, parseRequest(fromMessage(message)));
        return toResolveResponse(resolveAll(deps, request, caller), request);
      }),
    resolveMany: ({ requests }, call) =>
      observed(deps, "resolve_many", call, async (caller) => {
        checkCount(requests);
        return toResolveManyResponse(await Promise.all(requests.map((each) => answerOf(deps, each, caller))));
      }),
    explain: (message, call) =>
      observed(deps, "explain", call, async (caller) => {
        const request = await withCells(deps, parseRequest(fromMessage(message)));
        return toExplainResponse(explainAll(deps, request, caller), request);
      }),
    listDefaults: ({ namespace, knownVersion }, call) =>
      observed(deps, "defaults", call, () => {
        const defaults = defaultsOf(checkNamespace(namespace || "default", "namespace"));
        return toListDefaultsResponse(defaults, knownVersion);
      }),
  };
  // A span needs the ordinary way.
  return unaryService(Resolver, handlers, undefined, deps.tracing ? {} : { resolve: fastGrpcResolve(deps) });
}

/** What a request alone would get. */
async function answerOf(deps: GrpcResolverDeps, message: ResolveRequest, caller: Caller): Promise<ResolveAnswer> {
  try {
    const request = await withCells(deps, parseRequest(fromMessage(message)));
    return { response: toResolveResponse(resolveAll(deps, request, caller), request) };
  } catch (thrown) {
    deps.observation.callFailed("grpc", "resolve_many", thrown, caller);
    return { error: SignalboxError.from(thrown) };
  }
}

const methodNames = {
  resolve: "Resolve",
  resolve_many: "ResolveMany",
  explain: "Explain",
  defaults: "ListDefaults",
} as const;

/** Counts, traces and logs a call. */
async function observed<T>(
  { observation, tracing }: GrpcResolverDeps,
  method: keyof typeof methodNames,
  { metadata, peer }: UnaryCall,
  answer: (caller: Caller) => T | Promise<T>,
): Promise<T> {
  const [authorization] = metadata.get("authorization");
  const caller = { authorization: authorization?.toString(), peer };
  const startedAt = performance.now();
  let code: ErrorCode | "ok" = "ok";
  try {
    if (!tracing) return await answer(caller);
    const name = `${Resolver.typeName}/${methodNames[method]}`;
    const span = { name, carrier: metadata.getMap(), attributes: { "rpc.system": "grpc" } };
    return await tracing.inServerSpan(span, async () => answer(caller));
  } catch (thrown) {
    code = SignalboxError.from(thrown).code;
    observation.callFailed("grpc", method, thrown, caller);
    throw thrown;
  } finally {
    observation.callEnded("grpc", method, code, (performance.now() - startedAt) / 1000);
  }
}
