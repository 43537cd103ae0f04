import { beforeEach, describe, expect, test } from "vitest";
import { type FeedStatus, logFeedEvent, observeDocumentFeed } from "./document-feed.ts";
import { createHealth } from "./health.ts";
import { createLogger } from "./logger.ts";
import { createMetrics } from "./metrics.ts";

const upToDate: FeedStatus = { ready: true, source: "store", connected: true, revision: 7 };

function observed() {
  let status = upToDate;
  const health = createHealth();
  const metrics = createMetrics({ processMetrics: false });
  observeDocumentFeed({
    status: () => status,
    documents: () => ({ Shard: 2, Objective: 1 }),
    rejections: () => 3,
    health,
    metrics,
    now: () => Date.parse("2026-11-21T08:01:00Z"),
  });
  return {
    set: (next: Partial<FeedStatus>) => {
      status = { ...upToDate, ...next };
    },
    readiness: () => health.readiness(),
    metrics: async () => (await metrics.expose()).text,
  };
}

describe("documents that are up to date", () => {
  test("are ready and show revision, counts and rejections", async () => {
    const feed = observed();
    expect(feed.readiness()).toMatchObject({
      status: "ready",
      checks: { documents: { detail: { revision: 7, rejections: 3, staleSeconds: 0 } } },
    });
    const text = await feed.metrics();
    expect(text).toContain("signalbox_documents_revision 7");
    expect(text).toContain("signalbox_documents_rejected 3");
    expect(text).toContain("signalbox_documents_store_connected 1");
    expect(text).toContain('signalbox_documents_live{kind="Shard"} 2');
  });
});

describe("documents of a lost NATS", () => {
  test("are still ready, and tell for how long they may be stale and why", async () => {
    const feed = observed();
    feed.set({ connected: false, staleSince: "2026-11-21T08:00:00Z", lastError: "connection refused" });
    const { status, checks } = feed.readiness();
    expect(status).toBe("ready");
    expect(checks.documents?.detail).toMatchObject({ staleSeconds: 60, lastError: "connection refused" });
    const text = await feed.metrics();
    expect(text).toContain("signalbox_documents_stale_seconds 60");
    expect(text).toContain("signalbox_documents_store_connected 0");
  });
});

describe("a process without any documents", () => {
  test("is not ready and says what it waits for", () => {
    const feed = observed();
    feed.set({ ready: false, connected: false, source: "none", lastError: "connection refused" });
    expect(feed.readiness().reasons).toEqual([
      "documents: none yet: NATS does not answer (connection refused), and there is no snapshot to start from",
    ]);
  });
});

describe("logFeedEvent", () => {
  let lines: Record<string, unknown>[];
  beforeEach(() => {
    lines = [];
  });
  const logger = createLogger({
    name: "t",
    level: "debug",
    destination: { write: (line) => lines.push(JSON.parse(line)) },
  });

  test("writes one line with the event's fields at its level", () => {
    logFeedEvent(logger, { type: "disconnected", reason: "gone" } as { type: string });
    expect(lines).toMatchObject([{ level: "warn", event: "disconnected", reason: "gone" }]);
  });

  test("writes an error with its stack", () => {
    logFeedEvent(logger, { type: "listener-failed", error: new Error("boom") });
    expect(lines).toMatchObject([{ level: "error", err: { message: "boom" } }]);
  });

  test("writes events that it does not know by their type", () => {
    logFeedEvent(logger, { type: "something-new" });
    expect(lines).toMatchObject([{ level: "info", message: "something-new" }]);
  });
});
