import type { HeldObjective, RolloutReport } from "../../rollout/process-status.ts";
import { revisionOf } from "./commit-number.ts";
import type { KnownEnvoy } from "./envoy-ledger.ts";

/** How an objective came to be served as it is. */
export type ServedForm = {
  /** The store revision of the documents that it was made from first. */
  readonly revision: number;
  /** The store revision up to which the form before it was the newest; 0 when there was none. */
  readonly previousRevision: number;
  /** The commit that brought it. */
  readonly commit: number;
};

/** What an Envoy refuses, by objective. */
export type RefusedObjective = {
  readonly nodeId: string;
  readonly objective: string;
  readonly message: string;
  /** ISO 8601. */
  readonly at: string;
};

export type ReportInput = {
  /** The newest commit. */
  readonly latest: number;
  readonly envoys: readonly KnownEnvoy[];
  readonly forms: ReadonlyMap<string, ServedForm>;
  /** Objectives that this xds-server holds back itself. */
  readonly held: readonly HeldObjective[];
  /** Objectives whose hold ended in a commit that some Envoy may not have yet. */
  readonly released: ReadonlySet<string>;
  readonly refused: readonly RefusedObjective[];
  readonly now: () => Date;
};

/**
 * What this xds-server reports: the highest store revision that all Envoys that count have in use, and the objectives for
 * which that is not true. Pure.
 */
export function rolloutReport(input: ReportInput): RolloutReport {
  const counted = input.envoys.filter(({ counts }) => counts);
  const settled = counted.reduce((lowest, envoy) => Math.min(lowest, envoy.settled), input.latest);
  const held = new Map(input.held.map((each) => [each.objective, each]));
  const hold = (objective: string, reason: string, since: string) => {
    const form = input.forms.get(objective);
    if (held.has(objective) || !form) return;
    held.set(objective, { objective, revision: form.revision, activeRevision: form.previousRevision, reason, since });
  };
  const countedIds = new Set(counted.map(({ nodeId }) => nodeId));
  for (const { nodeId, objective, message, at } of input.refused) {
    if (countedIds.has(nodeId)) hold(objective, `Envoy ${nodeId} refuses it: ${message}`, at);
  }
  const since = input.now().toISOString();
  for (const { nodeId, awaited } of counted) {
    for (const objective of awaited) hold(objective, `its first routes are on the way to Envoy ${nodeId}`, since);
  }
  for (const objective of input.released) {
    if ((input.forms.get(objective)?.commit ?? 0) > settled) hold(objective, "it is on the way to the Envoys", since);
  }
  return { watermark: revisionOf(settled), held: [...held.values()] };
}
