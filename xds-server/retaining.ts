import { join } from "node:path";
import { documentTitle } from "../config/documents/document.ts";
import type { NatsSettings } from "../config/store/connection.ts";
import { createFormerWriter, documentsAt, openFormerFolder } from "../rollout/former-documents.ts";
import { countedServers, hasCaughtUpOn } from "../rollout/live-processes.ts";
import { watchStatuses } from "../rollout/status-watch.ts";
import type { Logger } from "../service/logger.ts";
import type { Metrics } from "../service/metrics.ts";
import { observeStatusWatch } from "../service/status-watch-observation.ts";
import type { XdsServerConfig } from "./config.ts";
import { releaseOldRoutes } from "./publishing/contract.ts";
import { createPinnedDocuments, type PinnedDocuments } from "./publishing/pinned-documents.ts";
import { openResolverFile } from "./publishing/resolver-file.ts";
import type { ResourceChanges } from "./publishing/resource-changes.ts";
import { openRetainedFile } from "./publishing/retained-file.ts";
import { createRetainedKeys, type RetainedKeys } from "./publishing/retained-keys.ts";
import { probeHost } from "./readiness/probe.ts";
import { createShardReadiness, type ShardReadiness } from "./readiness/shard-readiness.ts";

export type RetainingDeps = {
  readonly config: XdsServerConfig;
  readonly nats: NatsSettings;
  /** Where it writes down what is not in the documents; no other process may use it. */
  readonly folder: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly signal: AbortSignal;
};

/** What Envoy is served besides the newest documents, and why: old routes in use, shards that are not ready, and pins. */
export type Retaining = {
  readonly retained: RetainedKeys;
  readonly pinned: PinnedDocuments;
  /** Undefined when shards are not asked. */
  readonly readiness: ShardReadiness | undefined;
  /** Tells when there is something to do though no document changed. */
  readonly due: { subscribe(listener: () => void): () => void; notify(): void };
  /** Takes in what was written down, and begins. */
  start(changes: ResourceChanges): Promise<void>;
  /** Whether there is another xds-server, as far as was heard last. */
  hasOtherServers(ownId: string): boolean;
  /** Whether another xds-server has said after this, as `performance.now()`, that it waits for the Envoy. */
  isOnAnother(ownId: string, nodeId: string, sinceMs: number): boolean;
  /** Calls its listener when others have said something. */
  onStatuses(listener: () => void): void;
  /** Something was published: what is held back or retained may have changed. */
  changed(): void;
  /** Resolves when all has ended after `signal` aborted. */
  stopped(): Promise<void>;
};

export function createRetaining({ config, nats, folder, logger, metrics, signal }: RetainingDeps): Retaining {
  const monotonicMs = () => performance.now();
  const listeners = new Set<() => void>();
  const notify = () => {
    for (const listener of listeners) listener();
  };
  let changes: ResourceChanges | undefined;
  const retained = createRetainedKeys({ graceMs: config.XDS_ROUTE_GRACE_MS, now: monotonicMs });
  const readiness =
    config.XDS_SHARD_PROBE === "off"
      ? undefined
      : createShardReadiness({
          probe: probeHost,
          now: monotonicMs,
          onChange: (name) => {
            changes?.shardChanged(name);
            notify();
          },
        });
  const onProblem = (error: unknown) => {
    logger.warn({ err: error }, "what is held back could not be written down");
  };
  const file = openRetainedFile({ file: join(folder, "retained.json"), keys: retained.all, onProblem });
  const formerFolder = openFormerFolder(join(folder, "former"));
  const former = createFormerWriter({
    ...{ folder: formerFolder, onProblem },
    former: () => changes?.former() ?? new Map(),
  });
  const pinned = createPinnedDocuments({
    history: (revision) => documentsAt({ ...nats, bucket: config.SIGNALBOX_BUCKET }, revision),
    onMissing: (pin, error) => {
      logger.warn(
        { pin: documentTitle(pin), err: error },
        "what a pin holds cannot be read; its Envoys have the newest form",
      );
    },
  });
  const pinnedFolder = openFormerFolder(join(folder, "pinned"));
  const pinnedWriter = createFormerWriter({ folder: pinnedFolder, former: pinned.all, onProblem });
  const statuses = watchStatuses({
    ...nats,
    ...{ bucket: config.SIGNALBOX_STATUS_BUCKET, documentsBucket: config.SIGNALBOX_BUCKET, signal },
    onProblem: observeStatusWatch(logger),
  });
  const resolverFile = openResolverFile({
    ...{ file: join(folder, "resolvers.json"), silences: statuses.memory.silences, onProblem },
  });
  const abandonedKeys = metrics.counter({
    name: "signalbox_xds_abandoned_keys_total",
    help: "Routing keys that left while a resolver that is cut off may still answer with them; their requests get the default.",
  });
  metrics.gauge({
    name: "signalbox_xds_retained_keys",
    help: "Routing keys of former revisions that are still served.",
    collect() {
      this.set(retained.count());
    },
  });
  metrics.gauge({
    name: "signalbox_xds_held_objectives",
    help: "Objectives that are served from a former revision, because the newest cannot be served yet.",
    collect() {
      this.set(changes?.held().length ?? 0);
    },
  });
  return {
    retained,
    pinned,
    readiness,
    due: {
      notify,
      subscribe: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    start: async (given) => {
      changes = given;
      retained.restore(new Map(Object.entries((await file.load()) ?? {})));
      pinned.restore(await pinnedFolder.load());
      statuses.memory.restore(new Map(Object.entries((await resolverFile.load()) ?? {})));
      statuses.subscribe(resolverFile.changed);
      given.startFrom(await formerFolder.load());
      releaseOldRoutes({
        ...{ statuses, retained, signal, cutOffMs: config.XDS_CUT_OFF_RESOLVER_MS },
        onReleased: (objectives, abandoned) => {
          if (abandoned > 0) {
            abandonedKeys.inc(abandoned);
            logger.warn(
              { objectives, keys: abandoned },
              "old routes left although a resolver that is cut off may use them",
            );
          }
          given.objectivesChanged(objectives);
          notify();
        },
      });
    },
    hasOtherServers: (ownId) =>
      countedServers(statuses.remembered(0)).some(({ id, leaving }) => id !== ownId && !leaving),
    isOnAnother: (ownId, nodeId, sinceMs) =>
      statuses.saidAfter(sinceMs).some((status) => status.id !== ownId && hasCaughtUpOn(status, nodeId)),
    onStatuses: statuses.subscribe,
    changed: () => {
      file.changed();
      former.changed();
      pinnedWriter.changed();
    },
    stopped: async () => {
      readiness?.stop();
      await Promise.all([file.close(), resolverFile.close(), former.close(), pinnedWriter.close(), statuses.stopped]);
    },
  };
}
