import { join } from "node:path";
import { countByKind, type LiveDocuments } from "../config/live-documents.ts";
import { countRefused } from "../config/pins.ts";
import { formatProblem } from "../config/problem.ts";
import { followDocuments, type LiveFollower } from "../config/store/follow.ts";
import { registry } from "../proto/registry.ts";
import { type Heartbeat, startHeartbeat } from "../rollout/heartbeat.ts";
import type { ProcessStatus } from "../rollout/process-status.ts";
import { statusLifetimeMs } from "../rollout/status-bucket.ts";
import { logFeedEvent, observeDocumentFeed } from "../service/document-feed.ts";
import { createHealth, type Health } from "../service/health.ts";
import { observeHeartbeat } from "../service/heartbeat-observation.ts";
import { createLogger, type Logger } from "../service/logger.ts";
import { createMetrics, type Metrics } from "../service/metrics.ts";
import { processIdentity } from "../service/process-identity.ts";
import { type Security, watchSecurity } from "./access/security.ts";
import type { XdsServerConfig } from "./config.ts";
import { sendAwayWhenCutOff } from "./cut-off.ts";
import { createXdsMetrics, type XdsMetrics } from "./metrics.ts";
import type { NackInfo, StreamInfo } from "./protocol/hooks.ts";
import { createXdsServer, type XdsServer } from "./protocol/server.ts";
import { createSnapshotStore, type SnapshotStore } from "./protocol/snapshot.ts";
import { typeUrls } from "./protocol/type-urls.ts";
import { audiences, envoyGroup } from "./publishing/audiences.ts";
import { createGroupOf } from "./publishing/group-of.ts";
import { createResourceChanges, type ResourceChanges } from "./publishing/resource-changes.ts";
import { createViews, type Views } from "./publishing/views.ts";
import { type ClusterAcceptance, createClusterAcceptance } from "./readiness/cluster-acceptance.ts";
import { createReporting, type Reporting } from "./reporting/reporting.ts";
import { commonResources } from "./resources/build.ts";
import type { Resource } from "./resources/resource.ts";
import { createRetaining, type Retaining } from "./retaining.ts";
import { processStatus } from "./status.ts";
import { createValidator } from "./validation/validator.ts";

/** Everything that the process is made of. */
export type Context = {
  readonly config: XdsServerConfig;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly health: Health;
  readonly security: Security;
  readonly follower: LiveFollower;
  readonly changes: ResourceChanges;
  readonly store: SnapshotStore;
  readonly views: Views;
  readonly xds: XdsServer;
  readonly xdsMetrics: XdsMetrics;
  readonly acceptance: ClusterAcceptance;
  readonly reporting: Reporting;
  readonly retaining: Retaining;
  /** What the heartbeat says. */
  readonly status: () => ProcessStatus;
  readonly heartbeat: Heartbeat;
};

/**
 * Builds the parts, after it has read the files for TLS; begins to follow the documents, until `signal` aborts, and to
 * publish the status.
 */
export async function createContext(config: XdsServerConfig, signal: AbortSignal): Promise<Context> {
  const now = () => new Date();
  const logger = createLogger({ name: "xds-server", level: config.LOG_LEVEL });
  const security = await watchSecurity(config, logger);
  // What the former process said of its Envoys is to count until they are seen here, and not to be replaced.
  const identity = processIdentity(now, "life");
  const metrics = createMetrics({ build: { process: "xds-server", version: identity.version } });
  const nats = {
    servers: config.NATS_URL,
    clientName: `signalbox xds-server ${identity.id}`,
    replicas: config.STORE_REPLICAS,
    ...(config.NATS_CREDENTIALS === undefined ? {} : { credentialsFile: config.NATS_CREDENTIALS }),
  };
  let servedBefore: LiveDocuments | null = null;
  const follower = followDocuments({
    ...nats,
    bucket: config.SIGNALBOX_BUCKET,
    // By port, because a folder has one owner and several xds-servers may share a machine.
    snapshotFolder: join(config.SIGNALBOX_DATA, `xds-server-${config.XDS_HTTP_PORT}`),
    onSnapshot: (live) => {
      servedBefore = live;
    },
    onEvent: (event) => logFeedEvent(logger, event),
    signal,
  });
  const folder = join(config.SIGNALBOX_DATA, `xds-server-${config.XDS_HTTP_PORT}`);
  const retaining = createRetaining({ ...{ config, nats, folder, logger, metrics, signal } });
  const { retained, readiness, pinned } = retaining;
  const acceptance = createClusterAcceptance({
    settled: () => reporting.settled(),
    refusalOf: (cluster) => reporting.refusalOf(cluster),
    onChange: (name) => {
      changes.shardChanged(name);
      retaining.due.notify();
    },
  });
  signal.addEventListener("abort", acceptance.stop, { once: true });
  const changes = createResourceChanges({
    validate: createValidator(registry),
    now,
    retained,
    pinned,
    ...(readiness ? { readiness } : {}),
    acceptance,
    onDue: retaining.due.notify,
    secrets: security.secrets,
    takeServedBefore: () => {
      const taken = servedBefore;
      servedBefore = null;
      return taken;
    },
    onRefused: ({ key, revision, problems }) => {
      const reasons = problems.map(formatProblem);
      logger.warn({ key, revision, problems: reasons }, "Envoy would refuse the document; its last good one stays");
    },
  });
  security.secrets.onChange((names) => {
    changes.secretsChanged(names);
    retaining.due.notify();
  });
  await retaining.start(changes);
  const store = createSnapshotStore();
  const views = createViews({ store, audiences: audiences(listenersOf(config)) });
  const xdsMetrics = createXdsMetrics(metrics, {
    server: () => xds,
    groups: () => views.status().length,
    resources: () => resourceCounts(store),
    security,
  });
  const health = createHealth();
  observeDocumentFeed({
    status: follower.status,
    documents: () => countByKind(follower.current()),
    rejections: () => countRefused(follower.current()) + changes.refusals().length,
    health,
    metrics,
    now: Date.now,
  });
  const { groupOf, whyEnd, identitiesOf } = createGroupOf({
    ...{ views, policy: security.policy, onRefused: xdsMetrics.refused },
  });
  const soon = () => {
    heartbeat.changed();
    acceptance.look();
  };
  const reporting = createReporting({
    envoys: () => xds.nodes().filter(({ group }) => group.startsWith(envoyGroup)),
    isServed: (group, objective) => store.view(group)?.type(typeUrls.scopedRoute).get(objective) !== undefined,
    usersOf: changes.usersOf,
    held: changes.held,
    envoyTtlMs: statusLifetimeMs,
    isElsewhere: (nodeId, sinceMs) => retaining.isOnAnother(identity.id, nodeId, sinceMs),
    monotonicMs: () => performance.now(),
    now,
  });
  retaining.onStatuses(() => {
    if (reporting.vanished().length > 0) soon();
  });
  const hooks = {
    ...xdsMetrics.hooks,
    onAck: (stream: StreamInfo, ack: { readonly typeUrl: string; readonly names: readonly string[] }) => {
      xdsMetrics.hooks.onAck?.(stream, ack);
      reporting.answered(stream.node.id, ack.typeUrl, ack.names);
      soon();
    },
    onNack: (stream: StreamInfo, nack: NackInfo) => {
      xdsMetrics.hooks.onNack?.(stream, nack);
      reporting.answered(stream.node.id, nack.typeUrl, nack.names);
      soon();
    },
    onProgress: soon,
    onStreamOpen: ({ group }: StreamInfo) => {
      views.opened(group);
      soon();
    },
    onStreamClose: ({ group }: StreamInfo) => {
      views.closed(group);
      soon();
    },
  };
  const xds = createXdsServer({ store, groupOf, logger, hooks });
  security.onPolicyChange(() => xds.endStreams(whyEnd));
  const status = () => {
    const rejections = [...follower.current().rejections.values(), ...changes.refusals()];
    return processStatus({
      identity,
      follower: follower.status(),
      rejections,
      nodes: xds.nodes(),
      identitiesOf,
      reporting,
    });
  };
  const heartbeat = startHeartbeat({
    ...nats,
    bucket: config.SIGNALBOX_STATUS_BUCKET,
    status,
    onProblem: observeHeartbeat({ metrics, logger }),
  });
  sendAwayWhenCutOff({
    ...{ xds, signal, silentMs: heartbeat.silentMs },
    hasOthers: () => retaining.hasOtherServers(identity.id),
    onEnd: () => {
      logger.warn({}, "cut off from NATS; the Envoys are sent to another xds-server");
    },
  });
  return {
    ...{ config, logger, metrics, health, security },
    ...{ follower, changes, store, views, xds, xdsMetrics, acceptance, reporting, retaining, status, heartbeat },
  };
}

/** What every Envoy has, whatever the documents say. */
function listenersOf(config: XdsServerConfig): Resource[] {
  return commonResources({
    address: config.ENVOY_KEYED_ADDRESS,
    port: config.ENVOY_KEYED_PORT,
    accessLog: config.ENVOY_ACCESS_LOG,
    ...(config.ENVOY_ONE_CALL_PORT === 0
      ? {}
      : { oneCall: { port: config.ENVOY_ONE_CALL_PORT, resolvers: config.ENVOY_RESOLVERS } }),
  });
}

function resourceCounts(store: SnapshotStore): Map<string, number> {
  const view = store.view(envoyGroup);
  if (!view) return new Map();
  return new Map(Object.values(typeUrls).map((typeUrl) => [typeUrl, view.type(typeUrl).count]));
}
