import { sleep } from "../config/store/backoff.ts";
import type { ProcessStatus } from "../rollout/process-status.ts";
import { watchStatuses } from "../rollout/status-watch.ts";
import type { Arguments, CommandContext } from "./command.ts";
import { statusSettings, storeSettings } from "./environment.ts";
import { formatStatus, newestText, type Status } from "./output/status.ts";

/** Between two looks at what nobody tells: the newest revision of the store, overrides. */
const lookEveryMs = 1000;
/** Heartbeats that come together are shown together. */
const gatherMs = 50;

const clearScreen = "\u001b[2J\u001b[H";

/**
 * Shows the status until the command is interrupted: on a terminal the tables again and again, otherwise, and as JSON,
 * one line for each change.
 */
export async function watchStatus(
  args: Arguments,
  context: CommandContext,
  read: (processes: readonly ProcessStatus[]) => Promise<Status>,
): Promise<void> {
  const { signal } = context;
  const { bucket } = storeSettings(context);
  let isToldWhy = false;
  const watch = watchStatuses({
    ...statusSettings(context),
    ...(bucket === undefined ? {} : { documentsBucket: bucket }),
    onProblem: (problem) => {
      if (problem !== null && !isToldWhy) context.warn(`The processes cannot be watched: ${problem}; trying again.`);
      isToldWhy = problem !== null;
    },
    signal,
  });
  let wake = new AbortController();
  watch.subscribe(() => wake.abort());
  let shown = "";
  while (!signal.aborted) {
    wake = new AbortController();
    const processes = watch.current();
    if (processes !== null) {
      const status = await read(processes).catch((error: unknown) => {
        if (signal.aborted) return null;
        throw error;
      });
      if (!status) break;
      const text = textOf(args, context, status);
      if (text !== shown) context.print(text);
      shown = text;
    }
    await sleep(lookEveryMs, AbortSignal.any([wake.signal, signal]));
    if (wake.signal.aborted) await sleep(gatherMs, signal);
  }
  await watch.stopped;
}

function textOf(args: Arguments, { terminal, colours }: CommandContext, status: Status): string {
  if (args.output === "json" || args.output === "yaml") return JSON.stringify(status);
  return terminal
    ? clearScreen + formatStatus(status, colours)
    : `Revision ${status.revision}. ${newestText(status.newest, colours)}`;
}
