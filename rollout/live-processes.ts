import type { EnvoyStatus, ProcessStatus } from "./process-status.ts";

/** The xds-servers that count: those alive, and those that end until all their Envoys are seen on another one. */
export function countedServers(statuses: readonly ProcessStatus[]): ProcessStatus[] {
  const servers = statuses.filter(({ process }) => process === "xds-server");
  const staying = servers.filter(({ leaving }) => !leaving);
  const seen = new Set(staying.flatMap(({ envoys }) => (envoys ?? []).filter(isThere).map(({ nodeId }) => nodeId)));
  const moved = ({ envoys }: ProcessStatus) => (envoys ?? []).every(({ nodeId }) => seen.has(nodeId));
  return servers.filter((server) => !server.leaving || !moved(server));
}

/**
 * Whether a status says that an Envoy is connected to another xds-server, which waits for it and for nothing else: it has
 * what there is for it, or refused it.
 */
export function hasCaughtUpOn({ process, leaving, revision, rollout, envoys }: ProcessStatus, nodeId: string): boolean {
  if (process !== "xds-server" || leaving || !rollout || rollout.watermark < revision) return false;
  return (envoys ?? []).some((envoy) => envoy.nodeId === nodeId && envoy.counts === true && isThere(envoy));
}

/** The processes that answer with routing keys. */
export function countedResolvers(statuses: readonly ProcessStatus[]): ProcessStatus[] {
  return statuses.filter(({ process, leaving }) => process === "resolver" && !leaving);
}

/** One that is gone from an xds-server may have gone to the one that ends, and be behind what it had before. */
function isThere({ counts, goneSince }: EnvoyStatus): boolean {
  return counts !== false && goneSince === undefined;
}

/** The store revision of what all xds-servers serve of an objective: the lowest of theirs; 0 while one serves nothing. */
export function servedRevisions(servers: readonly ProcessStatus[]): (objective: string) => number {
  const each = servers.map(({ rollout }) => ({
    watermark: rollout?.watermark ?? 0,
    held: new Map(rollout?.held.map(({ objective, activeRevision }) => [objective, activeRevision])),
  }));
  return (objective) => Math.min(...each.map(({ watermark, held }) => held.get(objective) ?? watermark));
}
