import { parseDocumentKey } from "../config/documents/document.ts";
import type { LiveDocuments } from "../config/live-documents.ts";
import { dependentsOf } from "../config/relations/dependents.ts";
import type { ApplyResult, ChangeResult } from "../config/store/apply.ts";
import { type RevisionState, revisionState } from "../rollout/revision-state.ts";
import { type StatusWatch, watchStatuses } from "../rollout/status-watch.ts";
import type { Arguments, CommandContext, Option } from "./command.ts";
import { statusSettings, storeSettings } from "./environment.ts";
import { type ExitCode, exitCode } from "./exit-codes.ts";
import { parseDuration } from "./parse-duration.ts";

/** The flags of the commands that publish. */
export const waitOptions: Readonly<Record<"wait" | "timeout", Option>> = {
  wait: { describe: "Wait until it is live everywhere, and say so", type: "boolean", default: true },
  timeout: { describe: "How long to wait, such as 10s or 2m", default: "30s" },
};

/** What became of one published document. */
export type Receipt = Pick<RevisionState, "resolvers" | "envoys" | "reasons"> & {
  /** `accepted`: it is stored, and nobody is alive who would take it. */
  readonly state: RevisionState["state"] | "accepted";
  /** From the moment it was stored until it was seen to be live everywhere, in milliseconds. */
  readonly liveMs?: number;
};

/** A published change with what became of it; no receipts without `--wait`. */
export type Published = Omit<ApplyResult, "results"> & {
  readonly results: readonly (ChangeResult & { readonly receipt?: Receipt })[];
  /** Why nobody knows whether it is live. */
  readonly unknown?: string;
};

/** How often those who keep silent are looked for; news are heard of at once. */
const pollMs = 200;

/**
 * Publishes, and waits until every document of the change is live everywhere or refused by somebody; at most for
 * `--timeout`. `before` and `after` are the documents around the change: they tell which objectives a document touches.
 */
export async function publishAndWait(
  args: Arguments,
  context: CommandContext,
  documents: { readonly before: LiveDocuments; readonly after: LiveDocuments },
  publish: () => Promise<ApplyResult>,
): Promise<Published> {
  if (!args.wait) return await publish();
  const timeoutMs = parseDuration("timeout", String(args.timeout));
  const stopping = new AbortController();
  // Whoever may publish need not have the right to watch; later losses of NATS mend themselves.
  let isWatching = false;
  const cannotWatch = Promise.withResolvers<string>();
  const watch = watchStatuses({
    ...statusSettings(context),
    ...documentsBucket(context),
    onProblem: (problem) => problem !== null && !isWatching && cannotWatch.resolve(problem),
    signal: stopping.signal,
  });
  watch.subscribe(() => {
    isWatching = true;
  });
  try {
    const applied = await publish();
    const storedAtMs = performance.now();
    const deadline = AbortSignal.any([AbortSignal.timeout(timeoutMs), context.signal]);
    const receipts = trackReceipts(applied, documents, storedAtMs);
    const unknown = await Promise.race([cannotWatch.promise, settled(watch, receipts, deadline)]);
    context.signal.throwIfAborted();
    if (unknown !== null) return { ...applied, unknown };
    return { ...applied, results: applied.results.map((result) => ({ ...result, receipt: receipts.of(result) })) };
  } finally {
    stopping.abort();
    await watch.stopped;
  }
}

function documentsBucket(context: CommandContext): { documentsBucket?: string } {
  const { bucket } = storeSettings(context);
  return bucket === undefined ? {} : { documentsBucket: bucket };
}

type Receipts = {
  /** Takes in what the processes report; true when nothing is to be expected any more. */
  update(watch: StatusWatch): boolean;
  of(result: ChangeResult): Receipt;
};

/** Waits until the receipts are final or the deadline has passed; resolves with null. */
async function settled(watch: StatusWatch, receipts: Receipts, deadline: AbortSignal): Promise<null> {
  const done = Promise.withResolvers<null>();
  const look = () => {
    if (deadline.aborted || receipts.update(watch)) done.resolve(null);
  };
  const unsubscribe = watch.subscribe(look);
  const polling = setInterval(look, pollMs);
  deadline.addEventListener("abort", look, { once: true });
  look();
  try {
    return await done.promise;
  } finally {
    unsubscribe();
    clearInterval(polling);
  }
}

function trackReceipts(
  { results }: ApplyResult,
  { before, after }: { readonly before: LiveDocuments; readonly after: LiveDocuments },
  storedAtMs: number,
): Receipts {
  const noProgress = { live: 0, of: 0 };
  const nothing: Receipt = { state: "pending", resolvers: noProgress, envoys: noProgress, reasons: [] };
  const receipts = new Map<string, Receipt>();
  const queries = results.map(({ key, revision }) => ({
    key,
    query: { revision, keys: new Set([key]), ...touchedBy(key, before, after) },
  }));
  return {
    update: (watch) => {
      const statuses = watch.current();
      if (statuses === null) return false;
      if (statuses.length === 0) {
        for (const { key } of queries) receipts.set(key, { ...nothing, state: "accepted" });
        return true;
      }
      for (const { key, query } of queries) {
        const earlier = receipts.get(key);
        const state = inUseByAllThereAre(revisionState(statuses, query));
        const liveMs = earlier?.liveMs ?? Math.round(performance.now() - storedAtMs);
        receipts.set(key, { ...state, ...(state.state === "live" ? { liveMs } : {}) });
      }
      return [...receipts.values()].every(isFinal);
    },
    of: ({ key, change }) => {
      const { liveMs, ...receipt } = receipts.get(key) ?? nothing;
      return liveMs === undefined || change === "unchanged" ? receipt : { ...receipt, liveMs };
    },
  };
}

/** Where there is no resolver at all, or no xds-server, those who are there count: 0/0 says what is missing. */
function inUseByAllThereAre(state: RevisionState): RevisionState {
  return state.state === "pending" && state.reasons.length === 0 ? { ...state, state: "live" } : state;
}

/** What waits for a pin waits on purpose. */
function isFinal({ state, reasons }: Receipt): boolean {
  return state === "live" || state === "rejected" || (state === "held" && reasons.every(({ heldBy }) => heldBy));
}

/** What a document is part of; of a pin that goes, what it held, whatever was published since. */
function touchedBy(key: string, before: LiveDocuments, after: LiveDocuments) {
  const id = parseDocumentKey(key);
  if (id?.kind !== "Pin") return { objectives: objectivesUsing(key, before, after) };
  const name = `${id.namespace}/${id.name}`;
  const [old, next] = [before.pins.get(name), after.pins.get(name)];
  const specs = [old, next].flatMap((pin) => pin?.document.spec ?? []);
  const all = [...after.objectives.keys()].filter((each) => each.startsWith(`${id.namespace}/`));
  const named = specs.flatMap(
    ({ objectives }) => objectives?.map((objective) => `${id.namespace}/${objective}`) ?? all,
  );
  // What is held on purpose is not waited for.
  return next ? { objectives: new Set<string>() } : { objectives: new Set(named), from: old?.revision ?? 0 };
}

/** The objectives (`<namespace>/<name>`) that a document is part of, before or after the change. */
function objectivesUsing(key: string, ...states: readonly LiveDocuments[]): Set<string> {
  const seen = new Set([key]);
  for (const each of seen)
    for (const live of states) for (const dependent of dependentsOf(live, each)) seen.add(dependent);
  const ids = [...seen].flatMap((each) => parseDocumentKey(each) ?? []);
  return new Set(ids.flatMap(({ kind, namespace, name }) => (kind === "Objective" ? [`${namespace}/${name}`] : [])));
}

/** What a command ends with whose change met this fate. */
export function exitCodeOf({ results }: Published): ExitCode {
  const states = results.flatMap(({ receipt }) => receipt?.state ?? []);
  if (states.includes("rejected")) return exitCode.failed;
  return states.includes("pending") || states.includes("held") ? exitCode.pending : exitCode.ok;
}
