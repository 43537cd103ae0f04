import type { DocumentStore } from "../../config/store/document-store.ts";
import { readStatuses } from "../../rollout/heartbeat.ts";
import type { ProcessStatus } from "../../rollout/process-status.ts";
import { revisionState } from "../../rollout/revision-state.ts";
import type { Command, CommandContext } from "../command.ts";
import { statusSettings } from "../environment.ts";
import { exitCode } from "../exit-codes.ts";
import { outputOption, render } from "../output/render.ts";
import { formatStatus, laggardsFirst, type Status } from "../output/status.ts";
import { readRuntimeOverrides } from "../runtime-overrides.ts";
import { withStore } from "../store-access.ts";
import { watchStatus } from "../watch-status.ts";

/** `signalbox status`: who runs what. */
export const status: Command = {
  usage: "status",
  summary: "Show every process, laggards first: its revision, what is in use, held or rejected, each Envoy, overrides",
  options: {
    watch: { alias: "w", describe: "Go on until Ctrl-C, and show every change as it happens", type: "boolean" },
    ...outputOption,
  },
  examples: [
    ["signalbox status", "is everything on the newest revision?"],
    ["signalbox status --watch", "watch a change go live; in a pipe or with -o json, one line a change"],
    ["ENVOY_ADMIN_URLS=http://10.0.0.5:9901,http://10.0.0.6:9901 signalbox status", "with the overrides of two Envoys"],
  ],
  run: async (args, context) => {
    if (args.watch) {
      await withStore(context, (store) =>
        watchStatus(args, context, (processes) => statusOf(store, processes, context)),
      );
      return exitCode.ok;
    }
    const result = await withStore(context, async (store) =>
      statusOf(store, await readStatuses(statusSettings(context)), context),
    );
    render(args, context, result, () => formatStatus(result, context.colours));
    return exitCode.ok;
  },
};

async function statusOf(
  store: DocumentStore,
  processes: readonly ProcessStatus[],
  context: CommandContext,
): Promise<Status> {
  const [stored, overrides] = await Promise.all([store.lastRevision(), readRuntimeOverrides(context)]);
  const revision = Math.max(stored, ...processes.map((each) => each.revision));
  return {
    revision,
    newest: revisionState(processes, { revision }),
    processes: laggardsFirst(processes),
    ...overrides,
  };
}
