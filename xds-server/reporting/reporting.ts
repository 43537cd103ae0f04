import type { HeldObjective, RolloutReport } from "../../rollout/process-status.ts";
import type { NodeStatus } from "../protocol/node-status.ts";
import { typeUrls } from "../protocol/type-urls.ts";
import type { FormChange } from "../publishing/published-objectives.ts";
import { revisionOf } from "./commit-number.ts";
import { createEnvoyLedger, type KnownEnvoy } from "./envoy-ledger.ts";
import { type RefusedObjective, rolloutReport, type ServedForm } from "./rollout-report.ts";

export type ReportingDeps = {
  /** The Envoys that are connected. */
  readonly envoys: () => readonly NodeStatus[];
  /** Whether the objective is among what the group is served. */
  readonly isServed: (group: string, objective: string) => boolean;
  /** The objectives that route to a cluster. */
  readonly usersOf: (cluster: string) => readonly string[];
  /** Objectives that this xds-server holds back itself. */
  readonly held: () => readonly HeldObjective[];
  /** How long an Envoy that vanished, or answers nothing, is waited for. */
  readonly envoyTtlMs: number;
  /** Whether another xds-server has said after this (`monotonicMs`) that it waits for the Envoy; when absent, none has. */
  readonly isElsewhere?: (nodeId: string, sinceMs: number) => boolean;
  /** Milliseconds of a clock that never jumps. */
  readonly monotonicMs: () => number;
  readonly now: () => Date;
};

export type Reporting = {
  /** A commit was made, with these changes of what objectives are served as. */
  published(commit: number, forms: readonly FormChange[]): void;
  /** An Envoy accepted or refused resources. */
  answered(nodeId: string, typeUrl: string, names: readonly string[]): void;
  /** Every Envoy that counts has answered everything up to this commit. */
  settled(): number;
  /** Why an Envoy that counts refuses a cluster; null when none does. */
  refusalOf(cluster: string): string | null;
  /** Undefined before the first commit. */
  report(): RolloutReport | undefined;
  /** The Envoys as of the last report. */
  envoys(): readonly KnownEnvoy[];
  /** Those of them that are not connected, and still counted because they may come back. */
  vanished(): readonly VanishedEnvoy[];
};

/** An Envoy that is not connected any more, as it was last seen. */
export type VanishedEnvoy = { readonly node: NodeStatus; readonly sinceMs: number };

/** Knows what of the documents is in use in this xds-server's Envoys. */
export function createReporting(deps: ReportingDeps): Reporting {
  const ledger = createEnvoyLedger({
    ...{ ttlMs: deps.envoyTtlMs, now: deps.monotonicMs },
    ...(deps.isElsewhere ? { isElsewhere: deps.isElsewhere } : {}),
  });
  const forms = new Map<string, ServedForm>();
  const released = new Set<string>();
  /** Deleted in a commit that some Envoy may not have yet: it may lack what they were before as well. */
  const ending = new Map<string, { readonly commit: number; readonly activeRevision: number }>();
  let heldBefore: ReadonlySet<string> = new Set();
  const lastSeen = new Map<string, { readonly node: NodeStatus; readonly atMs: number }>();
  let connectedIds: ReadonlySet<string> = new Set();
  let latest = 0;
  let best: number | undefined;

  const refusals = (connected: readonly NodeStatus[]): RefusedObjective[] =>
    connected.flatMap(({ nodeId, nacks }) =>
      nacks.flatMap(({ typeUrl, resourceNames, message, at }) => {
        const objectives = new Set(resourceNames.flatMap((name) => objectivesOf(typeUrl, name)));
        return [...objectives].map((objective) => ({ nodeId, objective, message, at: new Date(at).toISOString() }));
      }),
    );

  const objectivesOf = (typeUrl: string, name: string): readonly string[] => {
    if (typeUrl === typeUrls.cluster) return deps.usersOf(name);
    // `<namespace>/<shard>/<how its hosts are spoken to>`
    if (typeUrl === typeUrls.endpoint) return deps.usersOf(name.split("/").slice(0, 2).join("/"));
    return [name];
  };

  /** Routes that a node is not served are not awaited from it. */
  const forgetUnserved = (connected: readonly NodeStatus[]) => {
    const groups = new Map(connected.map(({ nodeId, group }) => [nodeId, group]));
    for (const { nodeId, awaited } of ledger.known()) {
      const group = groups.get(nodeId);
      if (group === undefined) continue;
      const unserved = [...awaited].filter((objective) => !deps.isServed(group, objective));
      if (unserved.length > 0) ledger.answeredRoutes(nodeId, unserved);
    }
  };

  const noteSeen = (connected: readonly NodeStatus[]) => {
    const atMs = deps.now().getTime();
    for (const node of connected) lastSeen.set(node.nodeId, { node, atMs });
    connectedIds = new Set(connected.map(({ nodeId }) => nodeId));
    const known = new Set(ledger.known().map(({ nodeId }) => nodeId));
    for (const nodeId of lastSeen.keys()) if (!known.has(nodeId)) lastSeen.delete(nodeId);
  };

  /** One that comes back still refuses what it refused when it was last seen. */
  const vanishedAndCounted = (): NodeStatus[] =>
    ledger.known().flatMap(({ nodeId, counts }) => {
      const seen = counts && !connectedIds.has(nodeId) ? lastSeen.get(nodeId) : undefined;
      return seen ? [seen.node] : [];
    });

  const ends = (settled: number): HeldObjective[] => {
    const since = deps.now().toISOString();
    return [...ending].flatMap(([objective, { commit, activeRevision }]) => {
      if (commit <= settled) ending.delete(objective);
      const reason = "its end is on the way to the Envoys";
      return commit <= settled ? [] : [{ objective, revision: revisionOf(commit), activeRevision, reason, since }];
    });
  };

  /** Looks who is connected, and how far those are that count. */
  const observed = () => {
    const connected = deps.envoys();
    ledger.observe(
      connected.map(({ nodeId, settledRevision }) => ({ nodeId, settled: settledRevision })),
      latest,
    );
    forgetUnserved(connected);
    noteSeen(connected);
    const settled = Math.min(latest, ...ledger.known().flatMap((envoy) => (envoy.counts ? [envoy.settled] : [])));
    return { connected, settled };
  };

  return {
    published: (commit, changes) => {
      latest = commit;
      const held = new Set(deps.held().map(({ objective }) => objective));
      for (const { objective, revision, previousRevision, isNew, isLazy } of changes) {
        if (revision === null) {
          ending.set(objective, { commit, activeRevision: previousRevision });
          forms.delete(objective);
          ledger.forgetRoutes(objective);
          continue;
        }
        forms.set(objective, { revision, previousRevision, commit });
        // An Envoy may never ask for the routes of a lazy one, though it was eager and they were awaited.
        if (isLazy) ledger.forgetRoutes(objective);
        else if (isNew) ledger.awaitRoutes(objective);
        if (heldBefore.has(objective) && !held.has(objective)) released.add(objective);
      }
      heldBefore = held;
    },
    answered: (nodeId, typeUrl, names) => {
      if (typeUrl === typeUrls.route) ledger.answeredRoutes(nodeId, names);
    },
    settled: () => observed().settled,
    refusalOf: (cluster) => {
      const counted = new Set(ledger.known().flatMap(({ nodeId, counts }) => (counts ? [nodeId] : [])));
      for (const { nodeId, nacks } of [...deps.envoys(), ...vanishedAndCounted()]) {
        const nack = nacks.find(({ typeUrl, resourceNames }) => {
          return typeUrl === typeUrls.cluster && resourceNames.includes(cluster);
        });
        if (nack && counted.has(nodeId)) return `Envoy ${nodeId} refuses it: ${nack.message}`;
      }
      return null;
    },
    report: () => {
      if (latest === 0) return undefined;
      const { connected, settled } = observed();
      for (const objective of released) if ((forms.get(objective)?.commit ?? 0) <= settled) released.delete(objective);
      const report = rolloutReport({
        ...{ latest, envoys: ledger.known(), forms, released, now: deps.now },
        held: [...deps.held(), ...ends(settled)],
        refused: refusals([...connected, ...vanishedAndCounted()]),
      });
      // What was reached stays reached: Envoys do not unlearn. Only a new bucket begins anew.
      if (best === undefined || best > latest) best = report.watermark;
      best = Math.max(best, report.watermark);
      return { ...report, watermark: best };
    },
    envoys: ledger.known,
    vanished: () =>
      ledger.known().flatMap(({ nodeId }) => {
        const seen = lastSeen.get(nodeId);
        return seen && !connectedIds.has(nodeId) ? [{ node: seen.node, sinceMs: seen.atMs }] : [];
      }),
  };
}
