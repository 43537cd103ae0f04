import { join } from "node:path";
import { type CellLookup, createCellLookup } from "../cells/cell-lookup.ts";
import { httpCellSource } from "../cells/http-cell-source.ts";
import type { LiveDocuments } from "../config/live-documents.ts";
import { countByKind } from "../config/live-documents.ts";
import { countRefused } from "../config/pins.ts";
import { followDocuments, type LiveFollower } from "../config/store/follow.ts";
import { startHeartbeat } from "../rollout/heartbeat.ts";
import { logFeedEvent, observeDocumentFeed } from "../service/document-feed.ts";
import { createHealth, type Health } from "../service/health.ts";
import { observeHeartbeat } from "../service/heartbeat-observation.ts";
import { createLogger, type Logger } from "../service/logger.ts";
import { createMetrics, type Metrics } from "../service/metrics.ts";
import { type ProcessIdentity, processIdentity } from "../service/process-identity.ts";
import { startTracing, type Tracing } from "../service/tracing.ts";
import { observedActivation } from "./activation.ts";
import type { AnswerDeps } from "./answer.ts";
import { createCellLookupCounter } from "./cell-lookup-counter.ts";
import type { ResolverConfig } from "./config.ts";
import type { EndpointDeps } from "./endpoint.ts";
import { createObservation } from "./observation.ts";
import { createAuthorise } from "./override-tokens.ts";
import { createRevisionOf, type RevisionOf } from "./revision.ts";
import { observeRollout } from "./rollout-metrics.ts";

/** Everything that the resolver is made of; only here is it built. */
export type ResolverContext = AnswerDeps &
  EndpointDeps & {
    readonly identity: ProcessIdentity;
    readonly logger: Logger;
    readonly metrics: Metrics;
    readonly health: Health;
    /** Where a revision is live. */
    readonly revisionOf: RevisionOf;
    /** Resolves when there are documents to answer from. */
    readonly started: Promise<void>;
    /** From now on `/readyz` says that the process is ending. */
    startDraining(): void;
    /** Leaves the status, writes the last snapshot, closes NATS, sends the last spans. */
    close(): Promise<void>;
  };

const processName = "resolver";

export async function createContext(
  config: ResolverConfig,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<ResolverContext> {
  const now = () => new Date();
  const identity = processIdentity(now);
  const { version } = identity;
  const logger = createLogger({ name: processName, level: config.logLevel });
  const metrics = createMetrics({ build: { process: processName, version } });
  const health = createHealth();
  const tracing: Tracing | null = await startTracing({ name: `signalbox-${processName}`, version, environment });
  const stopping = new AbortController();
  const nats = {
    servers: config.natsServers,
    credentialsFile: config.natsCredentialsFile,
    clientName: `signalbox-${processName} ${identity.id}`,
    replicas: config.replicas,
  };
  // By port, because a folder has one owner and several resolvers may share a machine.
  const folder = join(config.dataFolder, `${processName}-${config.httpPort}`);
  let snapshot: LiveDocuments | null = null;
  const follower = followDocuments({
    ...nats,
    bucket: config.bucket,
    snapshotFolder: folder,
    onSnapshot: (live) => {
      snapshot = live;
    },
    onEvent: (event) => logFeedEvent(logger, event),
    signal: stopping.signal,
  });
  const activation = observedActivation({
    ...{ follower, config, nats, logger, metrics, health, now, signal: stopping.signal },
    folder: join(folder, "former"),
    snapshot: () => snapshot,
    onChange: () => heartbeat.changed(),
  });
  const heartbeat = startHeartbeat({
    ...nats,
    bucket: config.statusBucket,
    status: () => {
      const { revision, connected, staleSince } = follower.status();
      const rejections = [...follower.current().rejections.values()];
      const status = { process: processName, ...identity, revision, connectedToStore: connected } as const;
      return { ...status, group: config.group, staleSince, rejections, rollout: activation.report() };
    },
    onProblem: observeHeartbeat({ metrics, logger }),
  });
  follower.subscribe(heartbeat.changed);
  observeFollower(follower, health, metrics);
  observeRollout({ metrics, statuses: activation.statuses, now: () => performance.now() });
  const observation = createObservation({ metrics, logger });
  let isDraining = false;
  health.addCheck("process", () => (isDraining ? { ok: false, reason: "ending" } : { ok: true }));
  return {
    identity,
    logger,
    metrics,
    health,
    tracing,
    observation,
    maxRequestBytes: config.maxRequestBytes,
    selection: activation.get,
    cells: cellLookupOf(config, metrics, stopping.signal),
    authorise: createAuthorise(config.overrideTokens),
    onOverride: observation.overrode,
    revisionOf: createRevisionOf(activation.statuses),
    started: activation.started,
    startDraining: () => {
      isDraining = true;
    },
    close: async () => {
      await heartbeat.stop();
      stopping.abort();
      await Promise.all([follower.stopped, activation.stopped()]);
      await tracing?.close();
    },
  };
}

function cellLookupOf({ cells }: ResolverConfig, metrics: Metrics, signal: AbortSignal): CellLookup | null {
  const onLookup = createCellLookupCounter(metrics);
  if (cells === null) return null;
  const source = httpCellSource(cells.url);
  return createCellLookup({ ...cells, source, onLookup, now: () => performance.now(), signal });
}

function observeFollower(follower: LiveFollower, health: Health, metrics: Metrics): void {
  observeDocumentFeed({
    status: follower.status,
    documents: () => countByKind(follower.current()),
    rejections: () => countRefused(follower.current()),
    health,
    metrics,
    now: Date.now,
  });
}
