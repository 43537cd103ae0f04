import type { EnvoyStatus, HeldObjective, ProcessStatus } from "./process-status.ts";

/**
 * Whether somebody may wait for what is new in a status: a revision in use, an objective no longer held back, something
 * refused, an Envoy that came, went or caught up. What only tells why something is not in use yet is nothing to hurry for:
 * on the way to it each process has such news several times, and everybody reads everybody's. Pure.
 */
export function isAwaited(before: ProcessStatus | null, after: ProcessStatus): boolean {
  return (
    before === null ||
    before.leaving !== after.leaving ||
    refusedIn(before) !== refusedIn(after) ||
    envoysIn(before) !== envoysIn(after) ||
    lowestAcknowledged(after) > lowestAcknowledged(before) ||
    isFurther(before, after)
  );
}

/** More is in use than before. */
function isFurther({ rollout: before }: ProcessStatus, { rollout: after }: ProcessStatus): boolean {
  if (!before || !after) return before !== after;
  const held = new Map(after.held.map((each) => [each.objective, each]));
  const isReleased = ({ objective, activeRevision }: HeldObjective) =>
    (held.get(objective)?.activeRevision ?? Number.POSITIVE_INFINITY) > activeRevision;
  if (before.held.some(isReleased)) return true;
  // What brought the watermark up may be what is held back.
  const bringsOnly = ({ revision, activeRevision }: HeldObjective) =>
    revision >= after.watermark && activeRevision <= before.watermark;
  return after.watermark > before.watermark && !after.held.some(bringsOnly);
}

function refusedIn({ rejections }: ProcessStatus): string {
  return rejections.map(({ key, revision }) => `${key} ${revision}`).join();
}

function envoysIn({ envoys = [] }: ProcessStatus): string {
  const text = ({ nodeId, counts, goneSince, nacks }: EnvoyStatus) =>
    [nodeId, counts, goneSince !== undefined, ...nacks.map(({ at }) => at)].join(" ");
  return envoys.map(text).join();
}

/** Of those that refuse nothing: what others lack, they may lack for ever. */
function lowestAcknowledged({ envoys = [] }: ProcessStatus): number {
  const acknowledged = envoys.flatMap((each) => (each.nacks.length > 0 ? [] : [each.acknowledgedRevision]));
  return acknowledged.reduce((lowest, each) => Math.min(lowest, each), Number.POSITIVE_INFINITY);
}
