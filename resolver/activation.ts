import type { LiveDocuments } from "../config/live-documents.ts";
import type { NatsSettings } from "../config/store/connection.ts";
import type { LiveFollower } from "../config/store/follow.ts";
import { type Activation, activate } from "../rollout/activate.ts";
import type { RolloutReport } from "../rollout/process-status.ts";
import type { Health } from "../service/health.ts";
import type { Logger } from "../service/logger.ts";
import type { Metrics } from "../service/metrics.ts";
import { observeStatusWatch } from "../service/status-watch-observation.ts";
import type { ResolverConfig } from "./config.ts";

export type ObservedActivationDeps = {
  readonly follower: LiveFollower;
  readonly config: ResolverConfig;
  readonly nats: NatsSettings;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly health: Health;
  readonly now: () => Date;
  /** Where what is held back is kept; no other process may use it. */
  readonly folder: string;
  /** The documents that were live when this process last wrote them down; null when there are none. */
  readonly snapshot: () => LiveDocuments | null;
  /** Called after every change of what answers. */
  readonly onChange: () => void;
  readonly signal: AbortSignal;
};

/** What waits longer than this is worth a line in the log. */
const logHeldAfterMs = 1000;

/** {@link activate}, shown in the log, the metrics and `/readyz`. */
export function observedActivation(deps: ObservedActivationDeps): Activation {
  const { config, logger, onChange, ...rest } = deps;
  const activation = activate({
    ...{ ...rest, logger, bucket: config.bucket, group: config.group },
    statusBucket: config.activation === "immediate" ? null : config.statusBucket,
    onStatusProblem: observeStatusWatch(logger),
    onChange: () => {
      log.changed();
      onChange();
    },
  });
  const log = heldLog(logger, activation.held);
  addMetrics(deps.metrics, activation.report);
  let isStarted = false;
  void activation.started.then(() => {
    isStarted = true;
  });
  deps.health.addCheck("activation", () =>
    isStarted ? { ok: true } : { ok: false, reason: "no word from the xds-servers yet" },
  );
  return {
    ...activation,
    stopped: async () => {
      await activation.stopped();
      log.close();
    },
  };
}

function heldLog(logger: Logger, held: () => ReadonlyMap<string, readonly string[]>) {
  let told = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  const look = () => {
    timer = undefined;
    const now = held();
    const fresh = [...now].filter(([name]) => !told.has(name)).slice(0, 20);
    if (fresh.length > 0)
      logger.warn({ objectives: Object.fromEntries(fresh), held: now.size }, "objectives are held back");
    if (told.size > 0 && now.size === 0) logger.info({}, "no objective is held back any more");
    told = new Set(now.keys());
  };
  return {
    changed: () => {
      if (held().size > 0 || told.size > 0) timer ??= setTimeout(look, logHeldAfterMs);
    },
    close: () => clearTimeout(timer),
  };
}

function addMetrics(metrics: Metrics, report: () => RolloutReport | undefined): void {
  metrics.gauge({
    name: "signalbox_resolver_active_revision",
    help: "Store revision from which all objectives answer that are not held back.",
    collect() {
      this.set(report()?.watermark ?? 0);
    },
  });
  metrics.gauge({
    name: "signalbox_resolver_held_objectives",
    help: "Objectives that answer from a former revision, because the Envoys cannot serve the newest one yet; without those that are pinned.",
    collect() {
      this.set(report()?.held.filter(({ heldBy }) => heldBy === undefined).length ?? 0);
    },
  });
}
