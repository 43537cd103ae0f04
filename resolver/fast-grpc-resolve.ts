import { toBinary } from "@bufbuild/protobuf";
import { needsCells, type WithCellsDeps } from "../cells/with-cells.ts";
import { createAttached } from "../config/attached.ts";
import { ResolveResponseSchema } from "../proto/gen/signalbox/resolver/v1/resolver_pb.js";
import type { Decision } from "../selection/decision.ts";
import { hasLabels } from "../selection/resolution.ts";
import type { UnaryCall } from "../service/grpc-service.ts";
import { type AnswerDeps, resolveAll } from "./answer.ts";
import { toResolveResponse } from "./grpc-messages.ts";
import { readPlainFields } from "./plain-fields.ts";
import { readPlainRequest } from "./plain-request.ts";
import type { ResolveRequest } from "./request.ts";

/**
 * Resolve from the bytes of a message to the bytes of the answer, for one objective without an override, when it succeeds;
 * null leaves the call, of which nothing was counted then, to the ordinary way.
 */
export function fastGrpcResolve(deps: AnswerDeps & WithCellsDeps) {
  // Written once for each decision, and kept as long as the decision.
  const written = createAttached<Decision, Buffer>();
  const bytesOf = (decision: Decision, request: ResolveRequest): Buffer => {
    const known = hasLabels(request) ? undefined : written.get(decision);
    if (known) return known;
    const outcome = { objective: decision.objective, value: decision };
    const bytes = Buffer.from(toBinary(ResolveResponseSchema, toResolveResponse([outcome], request)));
    if (!hasLabels(request)) written.set(decision, bytes);
    return bytes;
  };
  return (message: Buffer, call: UnaryCall): Buffer | null => {
    const startedAt = performance.now();
    const plain = readPlainRequest(message);
    if (plain === null) return null;
    try {
      const request = readPlainFields(plain);
      // What has to be looked up takes the way that can wait.
      if (request === null || needsCells(deps, request)) return null;
      const caller = { authorization: undefined, peer: call.peer };
      const [outcome] = resolveAll(deps, request, caller);
      if (!outcome || !("value" in outcome)) return null;
      const bytes = bytesOf(outcome.value, request);
      deps.observation.callEnded("grpc", "resolve", "ok", (performance.now() - startedAt) / 1000);
      return bytes;
    } catch {
      // A request for one objective fails before anything is counted.
      return null;
    }
  };
}
