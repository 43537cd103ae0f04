import type { ProcessStatus } from "./process-status.ts";

/** What a resolver answers an objective from, as far as its last report tells: the objective as it was at this revision. */
export function answeredRevision(resolver: ProcessStatus, objective: string): number {
  const { rollout } = resolver;
  if (!rollout) return 0;
  const held = rollout.held.find((each) => each.objective === objective);
  return held ? held.activeRevision : rollout.watermark;
}

/**
 * Whether no resolver answers any more from the forms of an objective before the one that came with store revision
 * `next`. Resolvers only move forward, so it stays true. Pure.
 */
export function hasMovedOn(resolvers: readonly ProcessStatus[], objective: string, next: number): boolean {
  return resolvers.every((resolver) => answeredRevision(resolver, objective) >= next);
}
