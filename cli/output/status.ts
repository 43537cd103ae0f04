import type { EnvoyStatus, ProcessStatus } from "../../rollout/process-status.ts";
import type { RuntimeOverrides } from "../runtime-overrides.ts";
import { colour } from "./colour.ts";
import { printable } from "./printable.ts";
import { formatTable } from "./table.ts";

/** What `signalbox status` tells. */
export type Status = {
  /** The newest revision that the store or any process knows. */
  readonly revision: number;
  readonly processes: readonly ProcessStatus[];
} & RuntimeOverrides;

type Mark = (revision: number) => string;

/** The status as tables; what there is none of is left out, or said in a sentence. */
export function formatStatus(status: Status, colours: boolean): string {
  const mark = (at: number) => (at < status.revision ? colour(colours, "yellow", `${at} (behind)`) : String(at));
  return [
    `Newest revision: ${status.revision}`,
    processTable(status, mark),
    envoyTable(status, mark),
    ...rejectionTable(status, colours),
    ...overrideTable(status, colours),
    ...status.unreachable.map(
      (url) => `Overrides unknown: no admin page of an Envoy answers at ${url} (set ENVOY_ADMIN_URLS).`,
    ),
  ].join("\n\n");
}

function processTable({ processes }: Status, mark: Mark): string {
  if (processes.length === 0) return "No resolver and no xds-server is alive.";
  return formatTable(
    ["process", "id", "revision", "store", "started"],
    processes.map((process) => [
      process.process,
      printable(process.id),
      mark(process.revision),
      storeText(process),
      printable(process.startedAt),
    ]),
  );
}

function envoyTable({ processes }: Status, mark: Mark): string {
  const envoys = processes.flatMap((process) => (process.envoys ?? []).map((envoy) => ({ envoy, by: process.id })));
  if (envoys.length === 0) return "No Envoy is connected.";
  return formatTable(
    ["envoy", "cluster", "group", "xds-server", "acknowledged", "refused"],
    envoys.map(({ envoy, by }) => [
      printable(envoy.nodeId),
      printable(envoy.cluster),
      printable(envoy.group ?? "-"),
      printable(by),
      mark(envoy.acknowledgedRevision),
      refusals(envoy),
    ]),
  );
}

function rejectionTable({ processes }: Status, colours: boolean): string[] {
  const rows = processes.flatMap(({ process, id, rejections }) =>
    rejections.flatMap(({ key, revision, problems }) =>
      problems.map(({ path, message }) =>
        [key, String(revision), path || "-", message, `${process} ${id}`].map(printable),
      ),
    ),
  );
  if (rows.length === 0) return [];
  return [
    colour(colours, "red", "Rejected documents (the last good ones stay live):"),
    formatTable(["document", "revision", "field", "reason", "rejected by"], rows),
  ];
}

function overrideTable({ overrides }: Status, colours: boolean): string[] {
  if (overrides.length === 0) return [];
  return [
    colour(colours, "yellow", "Overrides set on Envoy's admin page (they win over what is published):"),
    formatTable(
      ["envoy", "runtime key", "value"],
      overrides.map(({ envoy, key, value }) => [envoy, key, value].map(printable)),
    ),
  ];
}

function storeText({ connectedToStore, staleSince }: ProcessStatus): string {
  if (connectedToStore) return "connected";
  return staleSince === undefined ? "not connected" : printable(`stale since ${staleSince}`);
}

function refusals({ nacks }: EnvoyStatus): string {
  if (nacks.length === 0) return "-";
  return printable(nacks.map(({ resourceNames, message }) => `${resourceNames.join(", ")}: ${message}`).join("; "));
}
