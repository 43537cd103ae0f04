import type { ProcessStatus, RolloutReport } from "./process-status.ts";

/** What a heartbeat may carry, so that it stays far below the 1 MiB that NATS takes by default. */
const limits = {
  rejections: 100,
  problems: 5,
  nacksPerEnvoy: 20,
  resourceNames: 20,
  envoys: 200,
  held: 1000,
  heldReason: 150,
  characters: 500,
} as const;

/** The status with its long lists and texts cut; the newest rejections stay. */
export function withinLimits(status: ProcessStatus): ProcessStatus {
  return {
    ...status,
    rejections: status.rejections
      .toSorted((a, b) => b.revision - a.revision)
      .slice(0, limits.rejections)
      .map((rejection) => ({
        ...rejection,
        problems: rejection.problems.slice(0, limits.problems).map((problem) => ({
          document: cut(problem.document),
          path: cut(problem.path),
          message: cut(problem.message),
        })),
      })),
    ...(status.rollout ? { rollout: boundedRollout(status.rollout) } : {}),
    envoys: status.envoys?.slice(0, limits.envoys).map((envoy) => ({
      ...envoy,
      // What a client says of itself has any length.
      nodeId: cut(envoy.nodeId),
      cluster: cut(envoy.cluster),
      ...(envoy.identity === undefined ? {} : { identity: cut(envoy.identity) }),
      nacks: envoy.nacks.slice(0, limits.nacksPerEnvoy).map((nack) => ({
        ...nack,
        message: cut(nack.message),
        resourceNames: nack.resourceNames.slice(0, limits.resourceNames).map((name) => cut(name)),
      })),
    })),
  };
}

/** Objectives that find no room are told by a lower watermark: whoever reads it waits for more than it has to. */
function boundedRollout({ watermark, held }: RolloutReport): RolloutReport {
  const sorted = held.toSorted((a, b) => a.revision - b.revision);
  const omitted = sorted.slice(limits.held);
  const lowest = omitted.reduce((low, each) => Math.min(low, each.revision - 1, each.activeRevision), watermark);
  const kept = sorted.slice(0, limits.held);
  return {
    watermark: lowest,
    held: kept.map((each) => ({
      ...each,
      objective: cut(each.objective),
      reason: cut(each.reason, limits.heldReason),
    })),
  };
}

function cut(text: string, characters: number = limits.characters): string {
  return text.length <= characters ? text : `${text.slice(0, characters - 1)}…`;
}
