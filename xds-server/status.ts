import type { Rejection } from "../config/live-documents.ts";
import type { FollowerStatus } from "../config/store/follower-status.ts";
import type { EnvoyStatus, ProcessStatus } from "../rollout/process-status.ts";
import type { ProcessIdentity } from "../service/process-identity.ts";
import type { NodeStatus } from "./protocol/node-status.ts";
import { rolloutGroupOf } from "./publishing/node-metadata.ts";
import { revisionOf } from "./reporting/commit-number.ts";
import type { Reporting, VanishedEnvoy } from "./reporting/reporting.ts";

export type StatusParts = {
  readonly identity: ProcessIdentity;
  readonly follower: FollowerStatus;
  readonly rejections: readonly Rejection[];
  readonly nodes: readonly NodeStatus[];
  /** Who the certificate of a node says it is. */
  readonly identitiesOf: (node: NodeStatus["node"]) => readonly string[];
  readonly reporting: Reporting;
};

/** What this process reports of itself and of the Envoys that are connected to it. */
export function processStatus(parts: StatusParts): ProcessStatus {
  const { identity, follower, rejections, nodes, identitiesOf, reporting } = parts;
  const rollout = reporting.report();
  const counts = new Map(reporting.envoys().map((envoy) => [envoy.nodeId, envoy.counts]));
  const connected = nodes.map((node) => envoyStatus(node, identitiesOf(node.node), counts.get(node.nodeId)));
  return {
    process: "xds-server",
    ...identity,
    revision: follower.revision,
    connectedToStore: follower.connected,
    ...(follower.staleSince === undefined ? {} : { staleSince: follower.staleSince }),
    rejections,
    envoys: [...connected, ...reporting.vanished().map((gone) => vanishedEnvoy(gone, identitiesOf(gone.node.node)))],
    ...(rollout ? { rollout } : {}),
  };
}

function vanishedEnvoy({ node, sinceMs }: VanishedEnvoy, identities: readonly string[]): EnvoyStatus {
  return { ...envoyStatus(node, identities, true), goneSince: isoTime(sinceMs) };
}

function envoyStatus(node: NodeStatus, identities: readonly string[], counts: boolean | undefined): EnvoyStatus {
  const rolloutGroup = rolloutGroupOf(node.node);
  return {
    nodeId: node.nodeId,
    cluster: node.cluster,
    group: node.group,
    ...(rolloutGroup === undefined ? {} : { rolloutGroup }),
    ...(identities.length === 0 ? {} : { identity: identities.join(", ") }),
    address: node.address,
    connectedSince: isoTime(node.connectedSince),
    acknowledgedRevision: revisionOf(node.acknowledgedRevision ?? 0),
    ...(counts === undefined ? {} : { counts }),
    nacks: node.nacks.map(({ at, ...nack }) => ({ ...nack, at: isoTime(at) })),
  };
}

function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
