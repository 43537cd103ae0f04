import { create } from "@bufbuild/protobuf";
import {
  GetRevisionResponseSchema,
  RevisionState as RevisionStateCode,
  Revisions,
} from "../proto/gen/signalbox/rollout/v1/rollout_pb.js";
import type { RevisionState } from "../rollout/revision-state.ts";
import { type ErrorCode, SignalboxError } from "../service/errors.ts";
import { type GrpcService, unaryService } from "../service/grpc-service.ts";
import type { Observation } from "./observation.ts";
import { checkRevision, type RevisionOf } from "./revision.ts";

const codes = {
  pending: RevisionStateCode.PENDING,
  live: RevisionStateCode.LIVE,
  rejected: RevisionStateCode.REJECTED,
  held: RevisionStateCode.HELD,
} as const satisfies Record<RevisionState["state"], RevisionStateCode>;

/** The gRPC service `signalbox.rollout.v1.Revisions`: the same answers as `GET /v1/revisions/{revision}`. */
export function createGrpcRevisions(deps: {
  readonly revisionOf: RevisionOf;
  readonly observation: Observation;
}): GrpcService {
  const { revisionOf, observation } = deps;
  return unaryService(Revisions, {
    getRevision: ({ revision, from }, { peer }) => {
      const startedAt = performance.now();
      let code: ErrorCode | "ok" = "ok";
      try {
        const first = from === 0n ? undefined : checkRevision(from, "from");
        return toMessage(revisionOf(checkRevision(revision, "revision"), first));
      } catch (thrown) {
        code = SignalboxError.from(thrown).code;
        observation.callFailed("grpc", "revision", thrown, { authorization: undefined, peer });
        throw thrown;
      } finally {
        observation.callEnded("grpc", "revision", code, (performance.now() - startedAt) / 1000);
      }
    },
  });
}

function toMessage({ revision, state, resolvers, envoys, reasons }: RevisionState) {
  return create(GetRevisionResponseSchema, {
    ...{ revision: BigInt(revision), state: codes[state], resolvers, envoys },
    reasons: reasons.map((reason) => ({ ...reason })),
  });
}
