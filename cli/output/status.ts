import type { EnvoyStatus, ProcessStatus } from "../../rollout/process-status.ts";
import type { RevisionState } from "../../rollout/revision-state.ts";
import type { RuntimeOverrides } from "../runtime-overrides.ts";
import { colour } from "./colour.ts";
import { printable } from "./printable.ts";
import { formatTable } from "./table.ts";

/** What `signalbox status` tells. */
export type Status = {
  /** The newest revision that the store or any process knows. */
  readonly revision: number;
  /** Where that revision is live. */
  readonly newest: RevisionState;
  /** Laggards first. */
  readonly processes: readonly ProcessStatus[];
} & RuntimeOverrides;

type Mark = (revision: number) => string;

/** The status as tables; what there is none of is left out, or said in a sentence. */
export function formatStatus(status: Status, colours: boolean): string {
  const mark = (at: number) => (at < status.revision ? colour(colours, "yellow", `${at} (behind)`) : String(at));
  return [
    `Newest revision: ${status.revision}`,
    newestText(status.newest, colours),
    processTable(status, mark),
    envoyTable(status, mark),
    ...rejectionTable(status, colours),
    ...heldTable(status, colours),
    ...overrideTable(status, colours),
    ...status.unreachable.map(
      (url) => `Overrides unknown: no admin page of an Envoy answers at ${url} (set ENVOY_ADMIN_URLS).`,
    ),
  ].join("\n\n");
}

/** One line about where a revision is live: for a log, and for the head of the tables. */
export function newestText({ state, resolvers, envoys, reasons }: RevisionState, colours: boolean): string {
  const text = `It is ${state}: resolvers ${resolvers.live}/${resolvers.of}, Envoys ${envoys.live}/${envoys.of}`;
  const [first] = reasons;
  const why = state === "live" || !first ? "" : `; ${first.process} ${first.id}: ${first.text}`;
  const more = state !== "live" && reasons.length > 1 ? `, and ${reasons.length - 1} more` : "";
  return colour(colours, state === "live" ? "green" : "yellow", printable(text + why + more));
}

/** Those who are furthest behind first; otherwise the order stays. */
export function laggardsFirst(processes: readonly ProcessStatus[]): ProcessStatus[] {
  const isAway = ({ connectedToStore, staleSince }: ProcessStatus) => !connectedToStore || staleSince !== undefined;
  return processes.toSorted(
    (a, b) =>
      inUse(a) - inUse(b) ||
      Number(isAway(b)) - Number(isAway(a)) ||
      (b.rollout?.held.length ?? 0) - (a.rollout?.held.length ?? 0),
  );
}

/** The store revision that a process has in use, but for what is held back. */
function inUse({ rollout, revision }: ProcessStatus): number {
  return rollout?.watermark ?? Math.min(revision, 0);
}

function processTable({ processes }: Status, mark: Mark): string {
  if (processes.length === 0) return "No resolver and no xds-server is alive.";
  return formatTable(
    ["process", "id", "group", "revision", "in use", "held", "store", "started"],
    processes.map((process) => [
      process.process,
      printable(process.id),
      printable(process.group ?? "-"),
      mark(process.revision),
      process.rollout ? mark(process.rollout.watermark) : "-",
      String(process.rollout?.held.length ?? 0),
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
    envoys
      .toSorted((a, b) => a.envoy.acknowledgedRevision - b.envoy.acknowledgedRevision)
      .map(({ envoy, by }) => [
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
    rejections
      .filter(({ heldBy }) => heldBy === undefined)
      .flatMap(({ key, revision, problems }) =>
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

/** Rows of the table of what is held; a namespace that is pinned would fill pages. */
const shownHeld = 30;

/** Objectives that are answered from a former revision, and documents that wait for a pin. */
function heldTable({ processes }: Status, colours: boolean): string[] {
  const rows = processes.flatMap(({ process, id, rejections, rollout }) => [
    ...(rollout?.held ?? []).map(({ objective, revision, activeRevision, reason, since }) =>
      [objective, String(revision), String(activeRevision), reason, since, `${process} ${id}`].map(printable),
    ),
    ...rejections
      .filter(({ heldBy }) => heldBy !== undefined)
      .map(({ key, revision, problems, at }) =>
        [key, String(revision), "-", problems[0]?.message ?? "", at, `${process} ${id}`].map(printable),
      ),
  ]);
  if (rows.length === 0) return [];
  const more = rows.length > shownHeld ? `\n… and ${rows.length - shownHeld} more; --output json has all` : "";
  return [
    colour(colours, "yellow", "Held back (what was live stays live):"),
    formatTable(["what", "revision", "live", "why", "since", "by"], rows.slice(0, shownHeld)) + more,
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
