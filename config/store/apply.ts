import { anySignal } from "../any-signal.ts";
import {
  type ApplyOptions,
  type ApplyResult,
  type Change,
  type Current,
  type Planned,
  plan,
  requireExpected,
  resultOfEarlierAttempt,
  step,
  summary,
  withRevisions,
} from "./apply-plan.ts";
import { backoffMs, sleep } from "./backoff.ts";
import type { Bucket } from "./bucket.ts";
import { whenConnected } from "./connection.ts";
import { publishBatch } from "./publish-batch.ts";
import { newestMessage } from "./read.ts";
import { StoreError } from "./store-error.ts";

export type { ApplyOptions, ApplyResult, Change, ChangeResult } from "./apply-plan.ts";

const conflictAttempts = 6;

/**
 * Stores all the changes or none of them, as one atomic batch that consumers switch to as one. What is stored already
 * is not published again. Throws "conflict" when a document has another revision than the one its change was made from
 * (all such documents are named, nothing is stored), "too-large" above 1,000 changes or 1 MiB a document. A loss of
 * the connection, or of the leader in a cluster, is waited out until `timeoutMs`; then "unreachable" says that nothing
 * was stored, and "outcome-unknown" that nobody knows.
 */
export async function applyChanges(
  bucket: Bucket,
  changes: readonly Change[],
  options: ApplyOptions = {},
): Promise<ApplyResult> {
  const planned = plan(changes);
  const deadline = AbortSignal.timeout(options.timeoutMs ?? 15_000);
  const over = options.signal ? anySignal([deadline, options.signal]) : deadline;
  const batchIds = new Set<string>();
  let isUncertain = false;
  let conflicts = 0;
  for (let attempt = 0; ; attempt++) {
    options.signal?.throwIfAborted();
    const outcome = await applyOnce(bucket, planned, batchIds, options);
    if (outcome.type === "done") return outcome.result;
    if (outcome.type === "conflict") {
      isUncertain = false;
      conflicts += 1;
      if (conflicts === conflictAttempts) throw keptChanging(planned);
    }
    if (outcome.type === "unknown") isUncertain = true;
    if (deadline.aborted) throw isUncertain ? outcomeUnknown(planned) : keptAway(outcome, planned);
    await sleep(backoffMs(attempt), over);
    await whenConnected(bucket.link, over);
  }
}

type Outcome =
  | { readonly type: "done"; readonly result: ApplyResult }
  /** Others changed a document between the reading and the storing. */
  | { readonly type: "conflict" }
  /** Sent, without an answer. */
  | { readonly type: "unknown" }
  /** Not sent, or surely not stored. */
  | { readonly type: "unreachable"; readonly error: StoreError };

async function applyOnce(
  bucket: Bucket,
  planned: readonly Planned[],
  batchIds: Set<string>,
  options: ApplyOptions,
): Promise<Outcome> {
  try {
    const found = await readCurrent(bucket, planned);
    const ours = resultOfEarlierAttempt(planned, found, batchIds);
    if (ours) return { type: "done", result: ours };
    requireExpected(planned, found);
    const steps = planned.map((change) => step(change, found.get(change.key) ?? null, options.force ?? false));
    const items = steps.flatMap(({ item }) => item ?? []);
    if (items.length === 0) return { type: "done", result: summary(steps.map(({ result }) => result)) };
    const outcome = await publishBatch(bucket, items, (id) => batchIds.add(id));
    if (outcome.type !== "stored") return outcome;
    return { type: "done", result: summary(withRevisions(steps, outcome.firstRevision)) };
  } catch (error) {
    if (error instanceof StoreError && error.code === "unreachable") return { type: "unreachable", error };
    throw error;
  }
}

async function readCurrent(bucket: Bucket, planned: readonly Planned[]): Promise<Current> {
  const messages = await Promise.all(planned.map(({ key }) => newestMessage(bucket, key)));
  return new Map(planned.map(({ key }, index) => [key, messages[index] ?? null]));
}

function keptChanging(planned: readonly Planned[]): StoreError {
  return new StoreError(
    "conflict",
    `nothing was stored: others kept changing ${keysOf(planned)} during ${conflictAttempts} attempts; try again`,
  );
}

function outcomeUnknown(planned: readonly Planned[]): StoreError {
  return new StoreError(
    "outcome-unknown",
    `NATS was lost while ${keysOf(planned)} were being stored: run the command again, what is stored already is not stored twice`,
  );
}

function keptAway(outcome: Outcome, planned: readonly Planned[]): StoreError {
  const cause = outcome.type === "unreachable" ? outcome.error : undefined;
  return new StoreError(
    "unreachable",
    `nothing was stored of ${keysOf(planned)}: ${cause?.message ?? "NATS does not answer"}`,
    { cause },
  );
}

function keysOf(planned: readonly Planned[]): string {
  const shown = planned.slice(0, 3).map(({ key }) => key);
  const others = planned.length - shown.length;
  return others > 0 ? `${shown.join(", ")} and ${others} more` : shown.join(", ");
}
