import type { EnvoyStatus, HeldObjective, ProcessStatus } from "./process-status.ts";

const at = "2026-11-21T08:00:00.000Z";

/** A status as tests need it: an xds-server or resolver whose documents and watermark are at one revision. */
export function sampleStatus(
  process: ProcessStatus["process"],
  id: string,
  watermark: number,
  more: Partial<ProcessStatus> & { readonly held?: readonly HeldObjective[] } = {},
): ProcessStatus {
  const { held = [], ...rest } = more;
  return {
    ...{ process, id, startedAt: at, version: "0.1.0", revision: watermark, connectedToStore: true, rejections: [] },
    rollout: { watermark, held },
    ...rest,
  };
}

export function sampleHeld(objective: string, activeRevision: number, revision: number): HeldObjective {
  return { objective, activeRevision, revision, reason: "shard default/slow has no ready host", since: at };
}

export function sampleEnvoy(
  nodeId: string,
  acknowledgedRevision: number,
  more: Partial<EnvoyStatus> = {},
): EnvoyStatus {
  return { nodeId, cluster: "c", address: "a", connectedSince: at, acknowledgedRevision, nacks: [], ...more };
}
