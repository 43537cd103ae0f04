import type { CheckResult, Health } from "./health.ts";
import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";

/** Where the documents of a process come from and how fresh they are; what config/store's follower reports. */
export type FeedStatus = {
  /** There are documents to work with, stale or not. */
  readonly ready: boolean;
  readonly source: "none" | "snapshot" | "store";
  readonly connected: boolean;
  readonly revision: number;
  /** ISO 8601; absent while up to date. */
  readonly staleSince?: string;
  readonly lastError?: string;
  readonly snapshotError?: string;
  readonly carriedOver?: { readonly documents: number; readonly since: string };
};

export type DocumentFeedDeps = {
  readonly status: () => FeedStatus;
  /** Live documents by kind, such as `{ Shard: 2, Model: 1 }`. */
  readonly documents: () => Readonly<Record<string, number>>;
  /** Refused revisions that are newer than what is live. */
  readonly rejections: () => number;
  readonly health: Health;
  readonly metrics: Metrics;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
};

/**
 * Shows a process' documents in `/metrics` (revision, staleness, connection, rejections, counts) and in `/readyz`: not
 * ready until there are documents, ready and stale while NATS is away.
 */
export function observeDocumentFeed(deps: DocumentFeedDeps): void {
  const { status, health, now } = deps;
  const staleSeconds = () => {
    const { staleSince } = status();
    return staleSince === undefined ? 0 : Math.max(0, (now() - Date.parse(staleSince)) / 1000);
  };
  addGauges(deps, staleSeconds);
  health.addCheck("documents", (): CheckResult => {
    const { ready, ...rest } = status();
    const detail = { ...rest, staleSeconds: Math.round(staleSeconds()), rejections: deps.rejections() };
    if (ready) return { ok: true, detail };
    const why = rest.lastError === undefined ? "waiting for NATS" : `NATS does not answer (${rest.lastError})`;
    return { ok: false, reason: `none yet: ${why}, and there is no snapshot to start from`, detail };
  });
}

function addGauges({ status, documents, rejections, metrics }: DocumentFeedDeps, staleSeconds: () => number): void {
  const gauge = (name: `signalbox_documents_${string}`, help: string, read: () => number) => {
    metrics.gauge({
      name,
      help,
      collect() {
        this.set(read());
      },
    });
  };
  gauge("signalbox_documents_revision", "Store revision up to which all is taken into account.", () => {
    return status().revision;
  });
  gauge(
    "signalbox_documents_stale_seconds",
    "How long something may be missing already; 0 while up to date.",
    staleSeconds,
  );
  gauge("signalbox_documents_store_connected", "1 while connected to NATS and watching, else 0.", () =>
    status().connected ? 1 : 0,
  );
  gauge("signalbox_documents_rejected", "Refused revisions that are newer than what is live.", rejections);
  gauge("signalbox_documents_snapshot_failing", "1 while the snapshot cannot be written, else 0.", () =>
    status().snapshotError === undefined ? 0 : 1,
  );
  metrics.gauge({
    name: "signalbox_documents_live",
    help: "Documents in force, by kind.",
    labelNames: ["kind"],
    collect() {
      for (const [kind, count] of Object.entries(documents())) this.set({ kind }, count);
    },
  });
}

/** An event of a follower: a type and its fields. */
export type FeedEvent = { readonly type: string; readonly error?: unknown };

type Wording = { readonly level: "debug" | "info" | "warn" | "error"; readonly message: string };

const wordings: Readonly<Record<string, Wording>> = {
  "snapshot-loaded": { level: "info", message: "loaded the last-good snapshot" },
  "snapshot-unusable": { level: "warn", message: "a snapshot cannot be used; trying the one before" },
  "snapshot-not-written": { level: "warn", message: "the snapshot could not be written" },
  connected: { level: "info", message: "connected to NATS" },
  disconnected: { level: "warn", message: "NATS is away; going on with what is live" },
  ready: { level: "info", message: "documents ready" },
  "caught-up": { level: "info", message: "caught up with the store" },
  updated: { level: "info", message: "documents updated" },
  rejected: { level: "warn", message: "document rejected; the last good one stays live" },
  held: { level: "info", message: "document waits for a pin; what is live stays" },
  "stream-replaced": { level: "warn", message: "the bucket was made anew; its former documents stay live" },
  "listener-failed": { level: "error", message: "an update could not be taken in" },
  "settle-failed": { level: "error", message: "a stored batch could not be settled; it is rejected" },
};

/** Logs what happens to a follower: one line an event. */
export function logFeedEvent(logger: Logger, { type, error, ...fields }: FeedEvent): void {
  const { level, message } = wordings[type] ?? { level: "info", message: type };
  logger[level]({ event: type, ...fields, ...(error === undefined ? {} : { err: error }) }, message);
}
