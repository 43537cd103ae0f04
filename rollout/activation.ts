import type { ProcessStatus } from "./process-status.ts";

/** An objective whose newest form is not in use yet. */
export type Waiting = {
  /** The store revision that brought the newest form. */
  readonly revision: number;
  /** Until it is activated, the objective is answered as it was at this store revision. */
  readonly activeRevision: number;
};

/** What a resolver knows of its documents: their store revision, and the objectives not activated yet. */
export type Candidates = {
  readonly revision: number;
  /** By `<namespace>/<name>`. */
  readonly waiting: ReadonlyMap<string, Waiting>;
};

/** What may be activated now, and why the rest may not. */
export type Verdicts = {
  readonly active: readonly string[];
  readonly held: ReadonlyMap<string, readonly string[]>;
};

/** Takes a change of the documents into account: `changed` are the objectives that differ from the revision before. */
export function withChanges(before: Candidates, revision: number, changed: Iterable<string>): Candidates {
  const waiting = new Map(before.waiting);
  for (const name of changed) {
    // What is in use stays what it was when the objective began to wait.
    waiting.set(name, { revision, activeRevision: waiting.get(name)?.activeRevision ?? before.revision });
  }
  return { revision, waiting };
}

/**
 * Whether each waiting objective may be answered from its newest form: when every xds-server that counts (`servers`) has a
 * watermark at or past that form and does not hold the objective back. A watermark past the resolver's own
 * documents says nothing of them: the xds-server may have skipped the form that the resolver has. With no xds-server,
 * nothing is activated. Pure.
 */
export function decideActivation(candidates: Candidates, servers: readonly ProcessStatus[]): Verdicts {
  const active: string[] = [];
  const held = new Map<string, readonly string[]>();
  if (candidates.waiting.size === 0) return { active, held };
  const heldBy = servers.map(
    (server) => new Map((server.rollout?.held ?? []).map((each) => [each.objective, each.reason])),
  );
  for (const [name, { revision }] of candidates.waiting) {
    const reasons = servers.flatMap((server, index) => {
      const reason = obstacle(candidates.revision, revision, server, heldBy[index]?.get(name));
      return reason === null ? [] : [`xds-server ${server.id}: ${reason}`];
    });
    if (servers.length === 0) reasons.push("no xds-server is alive");
    if (reasons.length === 0) active.push(name);
    else held.set(name, reasons);
  }
  return { active, held };
}

function obstacle(documents: number, wanted: number, server: ProcessStatus, held: string | undefined): string | null {
  if (held !== undefined) return held;
  const { rollout } = server;
  if (!rollout) return "has no documents yet";
  if (rollout.watermark < wanted) return `its Envoys hold revision ${rollout.watermark} of ${wanted}`;
  if (rollout.watermark > documents) return `is ahead, at revision ${rollout.watermark}`;
  return null;
}
