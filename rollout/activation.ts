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
  const judges = candidates.waiting.size === 0 ? [] : servers.map((server) => judgeOf(server, candidates.revision));
  for (const [name, { revision }] of candidates.waiting) {
    const reasons = judges.flatMap((judge) => judge(name, revision) ?? []);
    if (servers.length === 0) reasons.push("no xds-server is alive");
    if (reasons.length === 0) active.push(name);
    else held.set(name, reasons);
  }
  return { active, held };
}

/** What an xds-server has against an objective's newest form, which came with this revision; null is nothing. */
type Judge = (objective: string, revision: number) => string | null;

function judgeOf({ id, rollout }: ProcessStatus, documents: number): Judge {
  // The same texts for all: there may be many thousands that wait.
  if (!rollout) return always(`xds-server ${id}: has no documents yet`);
  const { watermark } = rollout;
  const behind = `xds-server ${id}: its Envoys hold revision ${watermark} so far`;
  const ahead = watermark > documents ? `xds-server ${id}: is ahead, at revision ${watermark}` : null;
  const held = new Map(rollout.held.map(({ objective, reason }) => [objective, reason]));
  return (objective, revision) => {
    const reason = held.get(objective);
    if (reason !== undefined) return `xds-server ${id}: ${reason}`;
    return watermark < revision ? behind : ahead;
  };
}

function always(text: string): Judge {
  return () => text;
}
