import { countedResolvers, countedServers } from "./live-processes.ts";
import type { EnvoyStatus, HeldObjective, ProcessStatus } from "./process-status.ts";

/** What is asked: a revision, which may be that of the last document of a batch. */
export type RevisionQuery = {
  readonly revision: number;
  /** The first revision of the same batch; `revision` when absent. */
  readonly from?: number;
  /** The document keys of the batch: only their rejections count. All when absent. */
  readonly keys?: ReadonlySet<string>;
  /** The objectives (`<namespace>/<name>`) that the batch touches: only they can be held. All when absent. */
  readonly objectives?: ReadonlySet<string>;
  /** Only the resolvers of these groups are asked, of which there may be none; all resolvers when absent. */
  readonly resolverGroups?: ReadonlySet<string>;
};

/** How many processes there are, and how many of them have the revision in use. */
export type Progress = { readonly live: number; readonly of: number };

/** Why a revision is not live on one process. */
export type RevisionReason = {
  readonly process: "resolver" | "xds-server" | "envoy";
  /** Of the process; the node id of an Envoy. */
  readonly id: string;
  readonly kind: "rejected" | "held" | "behind";
  /** The document key (rejected) or objective (held); absent when the whole process is behind. */
  readonly subject?: string;
  readonly text: string;
  /** The key of the pin that holds it back: it waits on purpose. */
  readonly heldBy?: string;
  /** ISO 8601. */
  readonly since?: string;
};

/**
 * - `live`: every process that counts has it in use. False for none: without a resolver and an xds-server it is pending.
 * - `rejected`: a process refused a document of the batch; all or nothing, so nothing changed there.
 * - `held`: some objective is kept on its former revision; `reasons` say which and why. It goes on by itself when that ends.
 * - `pending`: on its way.
 */
export type RevisionState = {
  readonly revision: number;
  readonly state: "pending" | "live" | "rejected" | "held";
  readonly resolvers: Progress;
  readonly envoys: Progress;
  readonly reasons: readonly RevisionReason[];
};

/** Where a revision is live, as the statuses of all processes (`readStatuses`) tell. Pure. */
export function revisionState(statuses: readonly ProcessStatus[], query: RevisionQuery): RevisionState {
  const resolvers = countedResolvers(statuses).filter(({ group }) => query.resolverGroups?.has(group ?? "") ?? true);
  const servers = countedServers(statuses);
  const processes = [...servers, ...resolvers];
  const envoys = servers.flatMap((server) => (server.envoys ?? []).map((envoy) => ({ envoy, server })));
  const reasons = [
    ...processes.flatMap((each) => rejections(each, query)),
    ...processes.flatMap((each) => holds(each, query)),
    ...envoys.flatMap(({ envoy }) => refusals(envoy, query)),
    ...envoys.flatMap(({ envoy }) => behindEnvoy(envoy, query)),
    ...processes.flatMap((each) => behind(each, query)),
  ];
  const isLive = (status: ProcessStatus) => reasons.every(({ id }) => id !== status.id);
  const hasEnvoy = ({ envoy, server }: (typeof envoys)[number]) =>
    [holds(server, query), refusals(envoy, query), behindEnvoy(envoy, query)].every((found) => found.length === 0);
  const lacksResolvers = resolvers.length === 0 && query.resolverGroups === undefined;
  const kinds = new Set(reasons.map(({ kind }) => kind));
  return {
    revision: query.revision,
    state: servers.length === 0 || lacksResolvers ? stateWithoutAll(kinds) : stateOf(kinds),
    resolvers: { live: resolvers.filter(isLive).length, of: resolvers.length },
    envoys: { live: envoys.filter(hasEnvoy).length, of: envoys.length },
    reasons,
  };
}

function stateOf(kinds: ReadonlySet<RevisionReason["kind"]>): RevisionState["state"] {
  if (kinds.has("rejected")) return "rejected";
  if (kinds.has("behind")) return "pending";
  return kinds.has("held") ? "held" : "live";
}

/** Where there is no resolver or no xds-server, nothing is in use. */
function stateWithoutAll(kinds: ReadonlySet<RevisionReason["kind"]>): RevisionState["state"] {
  return kinds.has("rejected") ? "rejected" : "pending";
}

function rejections({ process, id, rejections: all }: ProcessStatus, query: RevisionQuery): RevisionReason[] {
  const { revision, from = revision, keys } = query;
  return all
    .filter((each) => each.revision >= from && each.revision <= revision && (keys?.has(each.key) ?? true))
    .map(({ key, problems, at, heldBy }) => ({
      ...{ process, id, subject: key, since: at },
      ...(heldBy === undefined ? { kind: "rejected" as const } : { kind: "held" as const, heldBy }),
      text: problems.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join("; "),
    }));
}

/** What an Envoy refuses of the documents asked for: its resources are named after them. */
function refusals({ nodeId, nacks }: EnvoyStatus, { keys }: RevisionQuery): RevisionReason[] {
  return [...(keys ?? [])].flatMap((key) => {
    const name = key.slice(key.indexOf(".") + 1).replace(".", "/");
    return nacks
      .filter(({ resourceNames }) => resourceNames.includes(name))
      .map(({ message, at }): RevisionReason => {
        return { process: "envoy", id: nodeId, kind: "rejected", subject: key, text: message, since: at };
      });
  });
}

function holds({ process, id, rollout }: ProcessStatus, query: RevisionQuery): RevisionReason[] {
  return (rollout?.held ?? [])
    .filter((each) => concerns(each, query))
    .map(({ objective, reason, since, heldBy }) => ({
      ...{ process, id, kind: "held" as const, subject: objective, since },
      ...(heldBy === undefined ? {} : { heldBy }),
      text: reason,
    }));
}

/** The batch came after the form in use, and the form held back was made from it. */
function concerns(held: HeldObjective, { revision, from = revision, objectives }: RevisionQuery): boolean {
  if (objectives && !objectives.has(held.objective)) return false;
  return held.activeRevision < revision && from <= held.revision;
}

function behind({ process, id, rollout, revision: known }: ProcessStatus, query: RevisionQuery): RevisionReason[] {
  const at = rollout?.watermark ?? 0;
  if (at >= query.revision) return [];
  const text = known < query.revision ? `has documents up to revision ${known}` : `has revision ${at} in use`;
  return [{ process, id, kind: "behind", text }];
}

function behindEnvoy(envoy: EnvoyStatus, { revision }: RevisionQuery): RevisionReason[] {
  if (envoy.counts === false || envoy.acknowledgedRevision >= revision || envoy.nacks.length > 0) return [];
  const text = `acknowledged revision ${envoy.acknowledgedRevision}`;
  return [{ process: "envoy", id: envoy.nodeId, kind: "behind", text }];
}
