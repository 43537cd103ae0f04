import { readStatuses } from "../../rollout/heartbeat.ts";
import type { EnvoyStatus, ProcessStatus } from "../../rollout/process-status.ts";
import type { Command, CommandContext } from "../command.ts";
import { exitCode } from "../exit-codes.ts";
import { colour } from "../output/colour.ts";
import { outputOption, render } from "../output/render.ts";
import { formatTable } from "../output/table.ts";
import { type RuntimeOverrides, readRuntimeOverrides } from "../runtime-overrides.ts";
import { natsServers, withStore } from "../store-access.ts";

type Status = {
  /** The newest revision in the store. */
  readonly revision: number;
  readonly processes: readonly ProcessStatus[];
} & RuntimeOverrides;

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
    render(args, context, result, () => format(result, context.colours));
    return exitCode.ok;
  },
};

async function readStatus(context: CommandContext): Promise<Status> {
  return await withStore(context, async (store) => {
    const [entries, processes, overrides] = await Promise.all([
      store.list(),
      readStatuses({ servers: natsServers(context) }),
      readRuntimeOverrides(context),
    ]);
    const revision = Math.max(
      0,
      ...entries.map((entry) => entry.revision),
      ...processes.map((process) => process.revision),
    );
    return { revision, processes, ...overrides };
  });
}

function format({ revision, processes, overrides, unreachable }: Status, colours: boolean): string {
  const mark = (at: number) => (at < revision ? colour(colours, "yellow", `${at} (behind)`) : String(at));
  const sections = [`Newest revision: ${revision}`];
  sections.push(
    formatTable(
      ["process", "id", "revision", "store", "started"],
      processes.map((process) => [
        process.process,
        process.id,
        mark(process.revision),
        storeText(process),
        process.startedAt,
      ]),
    ),
  );
  const envoys = processes.flatMap((process) => (process.envoys ?? []).map((envoy) => ({ envoy, by: process.id })));
  sections.push(
    formatTable(
      ["envoy", "cluster", "xds-server", "acknowledged", "refused"],
      envoys.map(({ envoy, by }) => [
        envoy.nodeId,
        envoy.cluster,
        by,
        mark(envoy.acknowledgedRevision),
        refusals(envoy),
      ]),
    ),
  );
  const rejections = processes.flatMap((process) =>
    process.rejections.map((rejection) => ({ ...rejection, by: `${process.process} ${process.id}` })),
  );
  if (rejections.length > 0) {
    const rows = rejections.flatMap(({ key, revision: at, problems, by }) =>
      problems.map(({ path, message }) => [key, String(at), path || "-", message, by]),
    );
    sections.push(colour(colours, "red", "Rejected documents (the last good ones stay live):"));
    sections.push(formatTable(["document", "revision", "field", "reason", "rejected by"], rows));
  }
  if (overrides.length > 0) {
    sections.push(colour(colours, "yellow", "Overrides set on Envoy's admin page (they win over what is published):"));
    sections.push(
      formatTable(
        ["envoy", "runtime key", "value"],
        overrides.map(({ envoy, key, value }) => [envoy, key, value]),
      ),
    );
  }
  for (const url of unreachable)
    sections.push(`Overrides unknown: no admin page answers at ${url} (set ENVOY_ADMIN_URLS).`);
  return sections.join("\n\n");
}

function storeText(process: ProcessStatus): string {
  if (process.connectedToStore) return "connected";
  return process.staleSince ? `stale since ${process.staleSince}` : "not connected";
}

function refusals({ nacks }: EnvoyStatus): string {
  return nacks.length === 0
    ? "-"
    : nacks.map(({ resourceNames, message }) => `${resourceNames.join(", ")}: ${message}`).join("; ");
}
