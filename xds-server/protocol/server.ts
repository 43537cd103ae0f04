import { type Server, status } from "@grpc/grpc-js";
import type { AuthContext } from "@grpc/grpc-js/build/src/auth-context.js";
import { createAdmission } from "./admission.ts";
import { createAllowance } from "./allowance.ts";
import { type Call, type CallEvents, handleCall, type OpenStream, Refusal } from "./call.ts";
import type { EncodedResponse } from "./encoding.ts";
import { createFlushQueue, type FlushQueueOptions } from "./flush-queue.ts";
import type { StreamInfo, XdsHooks, XdsLogger } from "./hooks.ts";
import { writeMessage } from "./http2-stream.ts";
import { defaultLimits, type XdsLimits } from "./limits.ts";
import type { Node } from "./node.ts";
import { type NodeStatus, nodeStatuses } from "./node-status.ts";
import type { OrderingOptions } from "./ordering.ts";
import { createReadTurns } from "./read-turns.ts";
import { createSendBudget } from "./send-budget.ts";
import { definitionOf, discoveryServices } from "./service.ts";
import type { SnapshotStore } from "./snapshot.ts";
import { type ServedStream, XdsStream } from "./stream.ts";
import { createVariants } from "./variants.ts";

/** Where a stream comes from. */
export type Peer = { readonly address: string; readonly auth: AuthContext };

export type XdsServerDeps = {
  readonly store: SnapshotStore;
  /** The group whose snapshot a node gets; undefined refuses the node with PERMISSION_DENIED. */
  readonly groupOf: (node: Node, peer: Peer) => string | undefined;
  /**
   * A stream whose group has no content: `refuse` (the default) ends it with UNAVAILABLE, so that the client tries
   * elsewhere; `wait` keeps it open and answers once there is content.
   */
  readonly withoutContent?: "refuse" | "wait";
  readonly logger: XdsLogger;
  readonly hooks?: XdsHooks;
  readonly limits?: Partial<XdsLimits>;
  readonly timing?: Partial<Omit<OrderingOptions, "now"> & FlushQueueOptions>;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
};

export type XdsServer = {
  /** Adds all discovery services to a gRPC server, which the caller owns; see `xdsChannelOptions`. */
  addTo(server: Server): void;
  /** The nodes connected now. */
  nodes(): NodeStatus[];
  streamCount(): number;
  /** Ends the streams for which there is a reason, a gRPC status; the others go on. */
  endStreams(why: (stream: StreamInfo) => Refusal | undefined): void;
  /** Ends every stream with UNAVAILABLE and refuses new ones, so that clients reconnect elsewhere. */
  close(): void;
};

/** Streams refused or cut off that are logged: a flood of them is counted, and does not fill the log. */
const refusalLogLines = { lines: 100, perMs: 60_000 };

/** Milliseconds; see `OrderingOptions` and `FlushQueueOptions`. */
const defaultTiming = { removalGraceMs: 500, clusterAckTimeoutMs: 15_000, coalesceMs: 10, sliceMs: 10 };

/** Serves the snapshots of a store over all variants: delta and state of the world, aggregated and per type. */
export function createXdsServer(deps: XdsServerDeps): XdsServer {
  const { store, logger, hooks = {}, now = Date.now, withoutContent = "refuse" } = deps;
  const limits = { ...defaultLimits, ...deps.limits };
  const timing = { ...defaultTiming, ...deps.timing };
  const queue = createFlushQueue(timing);
  const streams = new Set<ServedStream>();
  const budget = createSendBudget(limits.unsentBytesInAll);
  const admission = createAdmission(limits, now);
  const refusalLog = createAllowance({ ...refusalLogLines, now });
  let isClosed = false;
  let lastId = 0;

  const logRefusal = (fields: object, message: string) => {
    const allowance = refusalLog.take();
    if (allowance === "none") return;
    logger.warn(fields, message);
    if (allowance === "last") logger.warn({}, "many xDS streams are refused; for now only counted");
  };

  const unsubscribe = store.subscribe((group, isChanged) => {
    // A commit that changes nothing is only taken note of: what changes next need not wait for it.
    const flush = isChanged ? queue.coalesced : queue.soon;
    for (const stream of streams) if (stream.info.group === group) flush(stream);
  });

  const openStream: OpenStream = (call, service, variant, node, ending) => {
    if (isClosed) throw new Refusal(status.UNAVAILABLE, shuttingDown);
    const peer = call.getPeer();
    const group = deps.groupOf(node, { address: peer, auth: call.getAuthContext() });
    if (group === undefined) throw new Refusal(status.PERMISSION_DENIED, `node "${node.id}" belongs to no group`);
    if (withoutContent === "refuse" && !store.view(group))
      throw new Refusal(status.UNAVAILABLE, `no configuration for group "${group}" yet`);
    const { onlyType } = service;
    const info = { id: ++lastId, variant: variant.name, onlyType, peer, group, node, openedAt: now() };
    const view = () => store.view(group);
    const write = (message: EncodedResponse, done: () => void) => writeMessage(call, message, done);
    const ordering = { ...timing, now };
    const stream = new XdsStream({
      variant,
      info,
      queue,
      limits,
      hooks,
      logger,
      ordering,
      view,
      withoutContent,
      write,
      budget,
      ...ending,
    });
    streams.add(stream);
    hooks.onStreamOpen?.(info);
    logger.info({ nodeId: node.id, group, peer, variant: variant.name, onlyType }, "xDS stream opened");
    return stream;
  };

  const events: CallEvents = {
    soon: (work) => queue.soon({ flush: work }),
    readInTurns: createReadTurns(),
    openStream,
    onClose: (stream, reason) => {
      if (!streams.delete(stream)) return;
      stream.close();
      hooks.onStreamClose?.(stream.info, reason);
      logger.info({ nodeId: stream.info.node.id, peer: stream.info.peer, reason }, "xDS stream closed");
    },
    enter: admission.enter,
    onLeft: admission.left,
    firstRequestMs: limits.firstRequestMs,
    maxNames: limits.namesPerType,
    onReject: (rejection) => {
      hooks.onReject?.(rejection);
      logRefusal({ peer: rejection.peer, reason: rejection.details }, "xDS stream refused");
    },
    onCut: ({ peer, nodeId, reason, details }) => {
      hooks.onCut?.({ peer, reason, details });
      logRefusal({ peer, nodeId, cause: reason, reason: details }, "xDS stream ended for what its client did");
    },
  };
  const variants = createVariants(now);

  return {
    addTo: (server) => {
      for (const service of discoveryServices) {
        server.addService(definitionOf(service), {
          [service.sotwMethod]: (call: Call) => handleCall(call, service, variants.sotw, events),
          [service.deltaMethod]: (call: Call) => handleCall(call, service, variants.delta, events),
        });
      }
    },
    nodes: () => nodeStatuses(streams),
    streamCount: () => streams.size,
    endStreams: (why) => {
      for (const stream of [...streams]) {
        const reason = why(stream.info);
        if (reason) stream.end(reason.code, reason.message);
      }
    },
    close: () => {
      isClosed = true;
      unsubscribe();
      for (const stream of streams) stream.end(status.UNAVAILABLE, shuttingDown);
    },
  };
}

const shuttingDown = "shutting down; reconnect elsewhere";
