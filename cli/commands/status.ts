import { readStatuses } from "../../rollout/heartbeat.ts";
import type { Command, CommandContext } from "../command.ts";
import { statusSettings } from "../environment.ts";
import { exitCode } from "../exit-codes.ts";
import { outputOption, render } from "../output/render.ts";
import { formatStatus, type Status } from "../output/status.ts";
import { readRuntimeOverrides } from "../runtime-overrides.ts";
import { withStore } from "../store-access.ts";

/** `signalbox status`: who runs what. */
export const status: Command = {
  usage: "status",
  summary: "Show every process, its revision, what each Envoy acknowledged, rejections and overrides",
  options: outputOption,
  examples: [
    ["signalbox status", "is everything on the newest revision?"],
    ["ENVOY_ADMIN_URLS=http://10.0.0.5:9901,http://10.0.0.6:9901 signalbox status", "with the overrides of two Envoys"],
  ],
  run: async (args, context) => {
    const result = await readStatus(context);
    render(args, context, result, () => formatStatus(result, context.colours));
    return exitCode.ok;
  },
};

async function readStatus(context: CommandContext): Promise<Status> {
  return await withStore(context, async (store) => {
    const [entries, processes, overrides] = await Promise.all([
      store.list(),
      readStatuses(statusSettings(context)),
      readRuntimeOverrides(context),
    ]);
    // A deletion is newer than everything that is listed; those who took it in know its revision.
    const revisions = [...entries, ...processes].map(({ revision }) => revision);
    return { revision: Math.max(0, ...revisions), processes, ...overrides };
  });
}
