import { parseDocumentKey } from "../../config/documents/document.ts";
import { sleep } from "../../config/store/backoff.ts";
import type { DocumentStore } from "../../config/store/document-store.ts";
import { StoreError } from "../../config/store/store-error.ts";
import { nextStage } from "../../planning/staged-rollout.ts";
import type { RevisionState } from "../../rollout/revision-state.ts";
import type { CommandContext } from "../command.ts";
import { type ExitCode, exitCode } from "../exit-codes.ts";
import { newestText } from "../output/status.ts";
import { waitForStage } from "./stage-progress.ts";
import { findRollout, firstRevision, type StoredRollout } from "./stored-rollout.ts";

/** Something that happens to a rollout, to be shown. */
export type RolloutEvent =
  | { readonly event: "stage-live" | "stage-not-live"; readonly stage: string; readonly state: RevisionState }
  | { readonly event: "pausing"; readonly stage: string; readonly pauseMs: number }
  | { readonly event: "paused" | "waits-for-confirmation"; readonly stage: string }
  | { readonly event: "stage-begins"; readonly stage: string }
  | { readonly event: "done" }
  | { readonly event: "aborted-elsewhere" };

export type DriveSettings = {
  readonly timeoutMs: number;
  readonly show: (event: RolloutEvent) => void;
};

/** What comes after the last group that is named. */
export const everybody = "all";

/** How often the rollout is looked at while it pauses: somebody else may pause, resume or abort it. */
const lookEveryMs = 500;

/**
 * Carries a rollout on, stage after stage, until it is live everywhere, waits for a confirmation, or cannot go on. All
 * state is in its pin: whoever drives it may be replaced at any time, and two drivers do not harm each other.
 */
export async function driveRollout(
  store: DocumentStore,
  started: StoredRollout,
  context: CommandContext,
  { timeoutMs, show }: DriveSettings,
): Promise<ExitCode> {
  const first = await firstRevision(store, started);
  let current = started;
  for (;;) {
    const { stage } = current.pin.spec.rollout;
    const reached = await reachStage(current, first, context, timeoutMs);
    show(reached);
    if (reached.event !== "stage-live") return exitCodeOf(reached);
    const outcome = await pause(store, current, context, show);
    if (outcome === "waits") return exitCode.ok;
    if (outcome === "gone") return await endElsewhere(store, current, first, context, { timeoutMs, show });
    current = outcome;
    if (current.pin.spec.rollout.stage !== stage) continue;
    const advanced = await advance(store, current, context, show);
    if (advanced === "gone") return await endElsewhere(store, current, first, context, { timeoutMs, show });
    if (advanced === "done") return await finish(context, current, first, { timeoutMs, show });
    current = advanced;
  }
}

type StageReached = Extract<RolloutEvent, { readonly event: "stage-live" | "stage-not-live" }>;

/** Waits until the stage is live in all groups that it has reached; at most for so long. */
export async function reachStage(
  current: StoredRollout,
  first: number,
  context: CommandContext,
  timeoutMs: number,
): Promise<StageReached> {
  const { stages, stage } = current.pin.spec.rollout;
  const groups = stages.slice(0, stage + 1);
  const state = await waitForStage(context, queryOf(current, first), groups, timeoutMs);
  const event = state.state === "live" ? "stage-live" : "stage-not-live";
  return { event, stage: stages[stage] ?? everybody, state };
}

/** What a command ends with that stays at this stage. */
export function exitCodeOf({ state: { state } }: StageReached): ExitCode {
  if (state === "live") return exitCode.ok;
  return state === "rejected" ? exitCode.failed : exitCode.pending;
}

/** Goes to the next stage now; "done" when that is everybody. */
export async function advance(
  store: DocumentStore,
  current: StoredRollout,
  context: CommandContext,
  show: DriveSettings["show"],
): Promise<StoredRollout | "done" | "gone"> {
  const next = nextStage(current.pin);
  const change = next ? { document: next } : { delete: current.id };
  try {
    await store.apply([{ ...change, expectedRevision: current.revision }], { signal: context.signal });
  } catch (error) {
    // Somebody else was quicker: what is stored now counts.
    if (!(error instanceof StoreError) || error.code !== "conflict") throw error;
    return (await findRollout(store, current.id)) ?? "gone";
  }
  show({ event: "stage-begins", stage: next?.spec.rollout.stages[next.spec.rollout.stage] ?? everybody });
  return next ? ((await findRollout(store, current.id)) ?? "gone") : "done";
}

/** Waits until everybody has it, after the pin has gone. */
export async function finish(
  context: CommandContext,
  rollout: StoredRollout,
  first: number,
  { timeoutMs, show }: DriveSettings,
): Promise<ExitCode> {
  const state = await waitForStage(context, queryOf(rollout, first), null, timeoutMs);
  show({ event: state.state === "live" ? "stage-live" : "stage-not-live", stage: everybody, state });
  if (state.state !== "live") return exitCode.pending;
  show({ event: "done" });
  return exitCode.ok;
}

function queryOf({ id, pin, revision }: StoredRollout, first: number) {
  const objectives = pin.spec.objectives?.map((name) => `${id.namespace}/${name}`);
  const last = first + Object.keys(pin.spec.rollout.before).length;
  return {
    revision: Math.max(revision, last),
    from: first,
    ...(objectives ? { objectives: new Set(objectives) } : {}),
  };
}

/** Lets the pause between two stages pass, and longer while somebody holds it. */
async function pause(
  store: DocumentStore,
  started: StoredRollout,
  context: CommandContext,
  show: DriveSettings["show"],
): Promise<StoredRollout | "waits" | "gone"> {
  const { stages, stage, pauseMs } = started.pin.spec.rollout;
  const name = stages[stage] ?? everybody;
  const endsAtMs = performance.now() + (pauseMs ?? 0);
  let wasPaused = false;
  if (pauseMs !== undefined) show({ event: "pausing", stage: name, pauseMs });
  for (;;) {
    const current = await findRollout(store, started.id);
    if (!current) return "gone";
    const { rollout } = current.pin.spec;
    if (rollout.stage !== stage) return current;
    if (rollout.paused && !wasPaused) show({ event: "paused", stage: name });
    wasPaused = rollout.paused;
    if (!rollout.paused && rollout.pauseMs === undefined) {
      show({ event: "waits-for-confirmation", stage: name });
      return "waits";
    }
    if (!rollout.paused && performance.now() >= endsAtMs) return current;
    const leftMs = rollout.paused ? lookEveryMs : endsAtMs - performance.now();
    await sleep(Math.min(lookEveryMs, Math.max(1, leftMs)), context.signal);
    context.signal.throwIfAborted();
  }
}

/** Somebody else took the pin away: to give everybody the change, or to take it back. */
async function endElsewhere(
  store: DocumentStore,
  rollout: StoredRollout,
  first: number,
  context: CommandContext,
  settings: DriveSettings,
): Promise<ExitCode> {
  const keys = Object.keys(rollout.pin.spec.rollout.before);
  const entries = await Promise.all(
    keys.map(async (key) => {
      const id = parseDocumentKey(key);
      return id ? await store.get(id) : null;
    }),
  );
  const isStillThere = entries.some(
    (entry) => entry && entry.revision > first && entry.revision <= first + keys.length,
  );
  if (isStillThere) return await finish(context, rollout, first, settings);
  settings.show({ event: "aborted-elsewhere" });
  return exitCode.failed;
}

/** An event in words. */
export function eventText(event: RolloutEvent, id: { readonly name: string; readonly namespace: string }): string {
  const name = id.namespace === "default" ? id.name : `${id.name} -n ${id.namespace}`;
  const ways = `\`signalbox rollout resume ${name}\` goes on, \`signalbox rollout abort ${name}\` goes back.`;
  switch (event.event) {
    case "stage-begins":
      return `Stage ${event.stage} begins.`;
    case "stage-live":
      return `Stage ${event.stage}. ${newestText(event.state, false)}`;
    case "stage-not-live":
      return `Stage ${event.stage}. ${newestText(event.state, false)}\nIt stays so until it is live: then ${ways}`;
    case "pausing":
      return `Stage ${event.stage} pauses for ${event.pauseMs / 1000} s; \`signalbox rollout pause ${name}\` holds it.`;
    case "paused":
      return `Stage ${event.stage} is held; ${ways}`;
    case "waits-for-confirmation":
      return `Stage ${event.stage} waits; ${ways}`;
    case "done":
      return "Done: everybody has it.";
    case "aborted-elsewhere":
      return "The rollout was aborted elsewhere.";
    default:
      return event satisfies never;
  }
}
