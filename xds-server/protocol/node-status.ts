import type { Node } from "./node.ts";
import type { ServedStream } from "./stream.ts";

/** What one connected node holds and refused. A node with several streams (one per type, hot restart) is one entry. */
export type NodeStatus = {
  /** As its oldest open stream said it. */
  readonly node: Node;
  readonly nodeId: string;
  readonly cluster: string;
  readonly group: string;
  /** Address and port of its oldest open stream. */
  readonly address: string;
  /** Milliseconds since the epoch, of its oldest open stream. */
  readonly connectedSince: number;
  readonly streams: number;
  /** The highest commit of which every stream has in use all it subscribes to; undefined when none is. */
  readonly acknowledgedRevision: number | undefined;
  /** The highest commit of which every stream has answered all it subscribes to, refused or not. */
  readonly settledRevision: number | undefined;
  /** What it refuses at present. */
  readonly nacks: readonly NodeNack[];
  /** NACKs since its streams were opened. */
  readonly nackCount: number;
};

export type NodeNack = {
  readonly typeUrl: string;
  readonly resourceNames: readonly string[];
  readonly message: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
};

/** The nodes behind some open streams, in the order of their ids. */
export function nodeStatuses(streams: Iterable<ServedStream>): NodeStatus[] {
  const byNode = Map.groupBy(streams, (stream) => `${stream.info.group}\0${stream.info.node.id}`);
  const statuses = [...byNode.values()].map(statusOf);
  return statuses.sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
}

function statusOf(streams: readonly ServedStream[]): NodeStatus {
  const oldest = streams.reduce((a, b) => (b.info.openedAt < a.info.openedAt ? b : a));
  const revisions = streams.map((stream) => stream.revisions());
  return {
    node: oldest.info.node,
    nodeId: oldest.info.node.id,
    cluster: oldest.info.node.cluster,
    group: oldest.info.group,
    address: oldest.info.peer,
    connectedSince: oldest.info.openedAt,
    streams: streams.length,
    acknowledgedRevision: lowest(revisions.map(({ acknowledged }) => acknowledged)),
    settledRevision: lowest(revisions.map(({ settled }) => settled)),
    nacks: streams.flatMap(nacksOf),
    nackCount: streams.reduce((sum, stream) => sum + stream.nacks, 0),
  };
}

/** Undefined when one of them is. */
function lowest(revisions: readonly (number | undefined)[]): number | undefined {
  return revisions.every((revision) => revision !== undefined) ? Math.min(...revisions) : undefined;
}

function nacksOf(stream: ServedStream): NodeNack[] {
  return [...stream.subscriptions.values()].flatMap(({ typeUrl, progress }) => {
    const byRefusal = Map.groupBy(progress.parked, ([, refusal]) => `${refusal.at} ${refusal.message}`);
    return [...byRefusal.values()].map((refused) => {
      const { message, at } = refused[0]?.[1] ?? { message: "", at: 0 };
      return { typeUrl, resourceNames: refused.map(([name]) => name), message, at };
    });
  });
}
