import type { StatusSource } from "../rollout/current-selection.ts";
import { revisionState } from "../rollout/revision-state.ts";
import type { Metrics } from "../service/metrics.ts";

/**
 * Shows in `/metrics` how far the newest revision that any process knows has come. Every resolver sees the same, so that an
 * alert takes the maximum. `now`: milliseconds of a clock that never jumps.
 */
export function observeRollout(deps: {
  readonly metrics: Metrics;
  readonly statuses: StatusSource | null;
  readonly now: () => number;
}): void {
  const { metrics, statuses, now } = deps;
  if (!statuses) return;
  /** Since when something is not live that should be; null while all is. */
  let unfinishedSinceMs: number | null = null;
  let laggards = 0;
  const look = () => {
    const processes = statuses.current();
    if (!processes) return;
    const revision = Math.max(0, ...processes.map((each) => each.revision));
    const { reasons } = revisionState(processes, { revision });
    const behind = reasons.filter(({ heldBy, kind }) => heldBy === undefined && kind !== "rejected");
    laggards = new Set(behind.map(({ process, id }) => `${process} ${id}`)).size;
    unfinishedSinceMs = behind.length === 0 ? null : (unfinishedSinceMs ?? now());
  };
  statuses.subscribe(look);
  metrics.gauge({
    name: "signalbox_rollout_laggards",
    help: "Resolvers, xds-servers and Envoys that do not have the newest revision in use; without what is pinned.",
    collect() {
      look();
      this.set(laggards);
    },
  });
  metrics.gauge({
    name: "signalbox_rollout_unfinished_seconds",
    help: "How long there have been laggards without a pause; 0 when there are none.",
    collect() {
      look();
      this.set(unfinishedSinceMs === null ? 0 : (now() - unfinishedSinceMs) / 1000);
    },
  });
}
