import type { ProcessStatus } from "./process-status.ts";

/** What a heartbeat may carry, so that it stays far below the 1 MiB that NATS takes by default. */
const limits = {
  rejections: 100,
  problems: 5,
  nacksPerEnvoy: 20,
  resourceNames: 20,
  envoys: 200,
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
    envoys: status.envoys?.slice(0, limits.envoys).map((envoy) => ({
      ...envoy,
      nacks: envoy.nacks.slice(0, limits.nacksPerEnvoy).map((nack) => ({
        ...nack,
        message: cut(nack.message),
        resourceNames: nack.resourceNames.slice(0, limits.resourceNames).map(cut),
      })),
    })),
  };
}

function cut(text: string): string {
  return text.length <= limits.characters ? text : `${text.slice(0, limits.characters - 1)}…`;
}
