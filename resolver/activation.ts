import type { LiveDocuments } from "../config/live-documents.ts";
import type { NatsSettings } from "../config/store/connection.ts";
import type { LiveFollower } from "../config/store/follow.ts";
import { createFormerWriter, documentsAt, openFormerFolder } from "../rollout/former-documents.ts";
import type { RolloutReport } from "../rollout/process-status.ts";
import { watchStatuses } from "../rollout/status-watch.ts";
import type { Health } from "../service/health.ts";
import type { Logger } from "../service/logger.ts";
import type { Metrics } from "../service/metrics.ts";
import { observeStatusWatch } from "../service/status-watch-observation.ts";
import type { ResolverConfig } from "./config.ts";
import { createCurrentSelection } from "./current-selection.ts";
import type { Answering } from "./decide.ts";

export type ActivationDeps = {
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

export type Activation = {
  /** What answers; null until there are documents, and somebody has said what may answer. */
  get(): Answering | null;
  report(): RolloutReport | undefined;
  /** Resolves when there is something to answer from. */
  readonly started: Promise<void>;
  /** Resolves when all has ended after `signal` aborted. */
  stopped(): Promise<void>;
};

/** How long the answers wait, at the start, for word from the xds-servers. */
const firstReportMs = 3000;
/** What waits longer than this is worth a line in the log. */
const logHeldAfterMs = 1000;

/** Answers each objective from the newest form that the Envoys can serve. */
export function activate(deps: ActivationDeps): Activation {
  const { follower, config, nats, logger, now, signal } = deps;
  const documents = { ...nats, bucket: config.bucket };
  const statuses =
    config.activation === "immediate"
      ? null
      : watchStatuses({
          ...nats,
          bucket: config.statusBucket,
          documentsBucket: config.bucket,
          onProblem: observeStatusWatch(logger),
          signal,
        });
  const folder = openFormerFolder(deps.folder);
  const selection = createCurrentSelection({
    ...{ source: waitingFor(prepare(), follower), statuses, logger, now },
    history: (revision) => documentsAt(documents, revision),
    onChange: () => {
      writer.changed();
      log.changed();
      deps.onChange();
    },
  });
  const writer = createFormerWriter({
    folder,
    former: selection.former,
    onProblem: (error) => {
      logger.warn({ err: error }, "what is held back could not be written down");
    },
  });
  const log = heldLog(logger, () => selection.get()?.held ?? new Map());
  addMetrics(deps.metrics, selection.report);
  let isStarted = false;
  deps.health.addCheck("activation", () =>
    isStarted ? { ok: true } : { ok: false, reason: "no word from the xds-servers yet" },
  );
  const started = firstWord().then(() => {
    isStarted = true;
  });

  /** What answered before this process was started again goes on answering. */
  async function prepare(): Promise<void> {
    const former = await folder.load();
    await follower.started;
    const snapshot = deps.snapshot();
    if (snapshot && statuses) selection.startFrom(snapshot, former);
  }

  async function firstWord(): Promise<void> {
    await follower.started;
    if (!statuses) return;
    await new Promise<void>((resolve) => {
      const check = () => {
        const known = statuses.current() !== null && selection.get() !== null;
        if (known || signal.aborted) done();
      };
      const done = () => {
        clearTimeout(timer);
        clearInterval(polling);
        resolve();
      };
      const polling = setInterval(check, 10);
      const timer = setTimeout(done, firstReportMs);
      signal.addEventListener("abort", done, { once: true });
    });
  }

  return {
    get: () => (isStarted ? selection.get() : null),
    report: selection.report,
    started,
    stopped: async () => {
      selection.stop();
      await Promise.all([statuses?.stopped, writer.close()]);
      log.close();
    },
  };
}

/** A source that says nothing before `ready`. */
function waitingFor(ready: Promise<void>, follower: LiveFollower) {
  return {
    current: follower.current,
    started: Promise.all([ready, follower.started]).then(() => undefined),
    subscribe: (listener: (live: LiveDocuments) => void) => {
      let isReady = false;
      void ready.then(() => {
        isReady = true;
      });
      return follower.subscribe((live) => {
        if (isReady) listener(live);
      });
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
    help: "Objectives that answer from a former revision, because the Envoys cannot serve the newest one yet.",
    collect() {
      this.set(report()?.held.length ?? 0);
    },
  });
}
