import { sleep } from "../../config/store/backoff.ts";
import { type RevisionQuery, type RevisionState, revisionState } from "../../rollout/revision-state.ts";
import { watchStatuses } from "../../rollout/status-watch.ts";
import type { CommandContext } from "../command.ts";
import { statusSettings, storeSettings } from "../environment.ts";
import { CommandError, exitCode } from "../exit-codes.ts";

/** Those who keep silent are looked for this often; news are heard of at once. */
const lookEveryMs = 200;

/**
 * Waits until a change is live on the resolvers of some groups (null: on all) and on every Envoy, or somebody rejects it,
 * or the time is over; answers with what is known then. Throws when the processes cannot be watched.
 */
export async function waitForStage(
  context: CommandContext,
  query: RevisionQuery,
  groups: readonly string[] | null,
  timeoutMs: number,
): Promise<RevisionState> {
  const stopping = new AbortController();
  const signal = AbortSignal.any([stopping.signal, context.signal]);
  const deadline = AbortSignal.any([AbortSignal.timeout(timeoutMs), signal]);
  const { bucket } = storeSettings(context);
  let problem: string | null = null;
  const watch = watchStatuses({
    ...statusSettings(context),
    ...(bucket === undefined ? {} : { documentsBucket: bucket }),
    onProblem: (why) => {
      problem = why;
    },
    signal,
  });
  const asked = groups === null ? query : { ...query, resolverGroups: new Set(groups) };
  let wake = new AbortController();
  watch.subscribe(() => wake.abort());
  try {
    for (;;) {
      wake = new AbortController();
      const processes = watch.current();
      const state = processes && revisionState(processes, asked);
      if (state && (state.state === "live" || state.state === "rejected")) return state;
      context.signal.throwIfAborted();
      if (deadline.aborted && state) return state;
      if (deadline.aborted)
        throw new CommandError(`The processes cannot be watched: ${problem ?? "no word"}.`, exitCode.unreachable);
      await sleep(lookEveryMs, AbortSignal.any([wake.signal, deadline]));
    }
  } finally {
    stopping.abort();
    await watch.stopped;
  }
}
