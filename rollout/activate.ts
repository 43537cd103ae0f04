import type { LiveDocuments } from "../config/live-documents.ts";
import type { NatsSettings } from "../config/store/connection.ts";
import type { LiveFollower } from "../config/store/follow.ts";
import {
  type ActiveSelection,
  createCurrentSelection,
  type SelectionLog,
  type StatusSource,
} from "./current-selection.ts";
import { createFormerWriter, documentsAt, openFormerFolder } from "./former-documents.ts";
import type { RolloutReport } from "./process-status.ts";
import { watchStatuses } from "./status-watch.ts";

export type ActivationDeps = {
  readonly follower: LiveFollower;
  readonly nats: NatsSettings;
  /** The KV bucket of the documents. */
  readonly bucket: string | undefined;
  /** The KV bucket of the heartbeats; null answers from every new form at once. */
  readonly statusBucket: string | undefined | null;
  /** Where what is held back is kept; no other process may use it. */
  readonly folder: string;
  /** The documents that were live when this process last wrote them down; null when there are none. */
  readonly snapshot: () => LiveDocuments | null;
  /** Called after every change of what answers. */
  readonly onChange: () => void;
  /** Hears why the statuses cannot be watched; null when they can again. */
  readonly onStatusProblem: (problem: string | null) => void;
  /** The group of this process, which pins may hold; none when absent. */
  readonly group?: string | undefined;
  readonly logger: SelectionLog;
  readonly now: () => Date;
  readonly signal: AbortSignal;
};

export type Activation = {
  /** What answers; null until there are documents, and somebody has said what may answer. */
  get(): ActiveSelection | null;
  report(): RolloutReport | undefined;
  /** What is held back, also before it answers. */
  held(): ReadonlyMap<string, readonly string[]>;
  /** Every process that is alive; null while that is not known, and where nobody's word is waited for. */
  statuses: StatusSource | null;
  /** Resolves when there is something to answer from. */
  readonly started: Promise<void>;
  /** Resolves when all has ended after `signal` aborted. */
  stopped(): Promise<void>;
};

/** How long the answers wait, at the start, for word from the xds-servers. */
const firstReportMs = 3000;
/**
 * The same where NATS can be reached: it is known within this time who is alive, also when NATS has just lost the statuses. Until
 * then the last snapshot may have keys whose routes have left, because this process had moved on before it ended.
 */
const firstReportWithNatsMs = 8000;

/** Answers each objective from the newest form that the Envoys can serve. */
export function activate(deps: ActivationDeps): Activation {
  const { follower, nats, bucket, logger, now, signal } = deps;
  const documents = { ...nats, bucket };
  const statuses =
    deps.statusBucket === null
      ? null
      : watchStatuses({
          ...nats,
          bucket: deps.statusBucket,
          documentsBucket: bucket,
          onProblem: deps.onStatusProblem,
          signal,
        });
  const folder = openFormerFolder(deps.folder);
  const selection = createCurrentSelection({
    ...{ source: waitingFor(prepare(), follower), statuses, logger, now, group: deps.group },
    history: (revision) => documentsAt(documents, revision),
    onChange: () => {
      writer.changed();
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
  let isStarted = false;
  const started = firstWord().then(() => {
    isStarted = true;
  });

  /** What answered before this process was started again goes on answering. */
  async function prepare(): Promise<void> {
    const former = await folder.load();
    await follower.started;
    const snapshot = deps.snapshot();
    if (!snapshot || !statuses) return;
    selection.startFrom(snapshot, former);
  }

  async function firstWord(): Promise<void> {
    await selection.started;
    if (!statuses) return;
    await new Promise<void>((resolve) => {
      const check = () => {
        const known = statuses.current() !== null && selection.get() !== null;
        if ((known && selection.isDecided()) || signal.aborted) done();
      };
      const done = () => {
        clearTimeout(timer);
        clearInterval(polling);
        resolve();
      };
      const polling = setInterval(check, 10);
      const patience = follower.status().connected ? firstReportWithNatsMs : firstReportMs;
      const timer = setTimeout(done, patience);
      signal.addEventListener("abort", done, { once: true });
    });
  }

  return {
    get: () => (isStarted ? selection.get() : null),
    report: selection.report,
    statuses,
    held: () => selection.get()?.held ?? new Map(),
    started,
    stopped: async () => {
      selection.stop();
      await Promise.all([statuses?.stopped, writer.close()]);
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
