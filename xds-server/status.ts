import type { Rejection } from "../config/live-documents.ts";
import type { FollowerStatus } from "../config/store/follower-status.ts";
import type { EnvoyStatus, ProcessStatus } from "../rollout/process-status.ts";
import type { ProcessIdentity } from "../service/process-identity.ts";
import type { NodeStatus } from "./protocol/node-status.ts";

export type StatusParts = {
  readonly identity: ProcessIdentity;
  readonly follower: FollowerStatus;
  readonly rejections: readonly Rejection[];
  readonly nodes: readonly NodeStatus[];
  /** Who the certificate of a node says it is. */
  readonly identitiesOf: (node: NodeStatus["node"]) => readonly string[];
};

/** What this process reports of itself and of the Envoys that are connected to it. */
export function processStatus({ identity, follower, rejections, nodes, identitiesOf }: StatusParts): ProcessStatus {
  return {
    process: "xds-server",
    ...identity,
    revision: follower.revision,
    connectedToStore: follower.connected,
    ...(follower.staleSince === undefined ? {} : { staleSince: follower.staleSince }),
    rejections,
    envoys: nodes.map((node) => envoyStatus(node, identitiesOf(node.node))),
  };
}

function envoyStatus(node: NodeStatus, identities: readonly string[]): EnvoyStatus {
  return {
    nodeId: node.nodeId,
    cluster: node.cluster,
    group: node.group,
    ...(identities.length === 0 ? {} : { identity: identities.join(", ") }),
    address: node.address,
    connectedSince: isoTime(node.connectedSince),
    acknowledgedRevision: node.acknowledgedRevision ?? 0,
    nacks: node.nacks.map(({ at, ...nack }) => ({ ...nack, at: isoTime(at) })),
  };
}

function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
