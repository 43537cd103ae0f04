import type { DeletionShare } from "../../planning/deletions.ts";
import type { MovedKey, Movement, ObjectivePlan, Plan } from "../../planning/plan.ts";
import { colour } from "./colour.ts";
import { percentText } from "./percent.ts";
import { printable } from "./printable.ts";
import { formatTable } from "./table.ts";

/** What `signalbox plan` tells. */
export type ShownPlan = Plan & {
  readonly documents: readonly {
    readonly document: string;
    readonly change: "created" | "updated" | "mended" | "unchanged" | "deleted";
    /** Paths of the fields that differ. */
    readonly fields: readonly string[];
  }[];
  /** The Envoys that get the change; null when the heartbeats cannot be read. */
  readonly envoys:
    | readonly {
        readonly envoy: string;
        readonly cluster: string;
        /** Its node group: which part of the documents it is served. */
        readonly group: string | null;
        readonly xdsServer: string;
        readonly acknowledgedRevision: number;
      }[]
    | null;
  /** Documents that would be stored, and wait for a pin. */
  readonly held: readonly { readonly document: string; readonly why: string }[];
  readonly deletions: readonly DeletionShare[];
  /** Why `apply` would refuse it without `--yes-delete`; null when it would not. */
  readonly refusedBySeatBelt: string | null;
};

/** Rows of one table; the rest is counted. JSON has all of them. */
const shownRows = 40;

/** The plan as tables; a table without rows is left out. */
export function formatPlan(plan: ShownPlan, colours: boolean): string {
  const documents = plan.documents.filter(({ change }) => change !== "unchanged");
  if (documents.length === 0) return `Nothing would change; compared with revision ${plan.revision}.`;
  const movements = plan.objectives.flatMap(({ objective, movements }) =>
    movements.map((movement) => ({ objective, movement })),
  );
  return [
    `Compared with revision ${plan.revision}: ${documents.length} of ${plan.documents.length} documents would change.`,
    table(
      ["document", "change", "fields"],
      documents.map(({ document, change, fields }) => [document, changeText(change, colours), listed(fields)]),
    ),
    table(
      ["objective", "change", "new keys", "keys that go", "keys that move", "keys that stay"],
      plan.objectives.map(({ objective, change, keys }) => [
        objective,
        changeText(change, colours),
        String(keys.added.length),
        String(keys.removed.length),
        String(keys.moved.length),
        String(keys.kept),
      ]),
    ),
    table(
      ["key", "shards now", "shards after"],
      plan.objectives.flatMap(({ keys }) => keys.moved.map(movedRow)),
    ),
    ...movementTable(movements),
    ...inFlight(plan.objectives, colours),
    table(
      ["shard", "change", "keys now", "keys after", "fields"],
      plan.shards.map(({ shard, change, keysBefore, keysAfter, fields }) => [
        shard,
        changeText(change, colours),
        String(keysBefore),
        String(keysAfter),
        listed(fields),
      ]),
    ),
    ...heldText(plan, colours),
    envoyText(plan),
  ]
    .filter(Boolean)
    .join("\n\n");
}

function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  const more = rows.length > shownRows ? `\n… and ${rows.length - shownRows} more; --output json has all` : "";
  return formatTable(headings, rows.slice(0, shownRows)) + more;
}

function movedRow({ key, before, after }: MovedKey): string[] {
  return [key, before, after].map((each) =>
    typeof each === "string" ? each : each.map(({ shard, weight }) => `${shard} ${weight}`).join(", "),
  );
}

/** What the units do, or that none moves; segments that no context was found for are named. */
function movementTable(movements: readonly { readonly objective: string; readonly movement: Movement }[]): string[] {
  const unknown = movements.filter(({ movement }) => isUnknown(movement));
  const rows = movements.flatMap(({ objective, movement }) =>
    movement.contexts === 0 ? [] : movementRows(objective, movement),
  );
  return [
    table(["objective", "of", "counted", "from", "to", "share"], rows),
    ...unknown.map(
      ({ objective, movement }) =>
        `${objective}: no context was found that ${segmentText(movement)} decides; give --context-file to count it.`,
    ),
  ];
}

function isUnknown({ segment }: Movement): boolean {
  return segment !== "contexts" && segment.attributes === null;
}

function movementRows(objective: string, movement: Movement): string[][] {
  const { contexts, moves, moved } = movement;
  const isSample = movement.segment !== "contexts";
  const first = [objective, segmentText(movement), String(contexts)];
  if (moves.length === 0) return [[...first, "-", "-", `${percentText(moved, false)} moves`]];
  return moves.map((move, index) => [
    ...(index === 0 ? first : ["", "", ""]),
    move.from ?? "none",
    move.to ?? "none",
    percentText(move, isSample),
  ]);
}

/** Which requests the row is about: those of a rule, with the attributes that stand for them. */
function segmentText({ segment }: Movement): string {
  if (segment === "contexts") return "contexts of the file";
  if (segment.rule === null) return "no attributes";
  const attributes = Object.entries(segment.attributes ?? {}).map(
    ([name, value]) => `${name}=${JSON.stringify(value)}`,
  );
  return printable([segment.rule, ...attributes].join(" "));
}

function inFlight(objectives: readonly ObjectivePlan[], colours: boolean): string[] {
  const rows = objectives.flatMap(({ keys }) =>
    keys.removed.map(({ key, answeredBy, ttlMs }) => [
      key,
      `${ttlMs / 1000} s`,
      answeredBy === null ? colour(colours, "red", "404") : `by ${answeredBy}`,
    ]),
  );
  if (rows.length === 0) return [];
  return [
    "Requests in flight: clients may use an answer with one of these keys until its time is over.",
    table(["key that goes", "used for", "answered then"], rows),
  ];
}

function heldText({ held }: ShownPlan, colours: boolean): string[] {
  if (held.length === 0) return [];
  const rows = held.map(({ document, why }) => [document, printable(why)]);
  return [colour(colours, "yellow", "It would be stored, and wait:"), table(["document", "why"], rows)];
}

function envoyText({ envoys, objectives, shards }: ShownPlan): string {
  if (envoys === null) return "Envoys: unknown; the heartbeats cannot be read.";
  if (objectives.length + shards.length === 0) return "No Envoy is touched.";
  if (envoys.length === 0) return "No Envoy is connected that would get it.";
  return table(
    ["envoy that gets it", "cluster", "group", "xds-server", "acknowledged"],
    envoys.map(({ envoy, cluster, group, xdsServer, acknowledgedRevision }) =>
      [envoy, cluster, group ?? "-", xdsServer, String(acknowledgedRevision)].map(printable),
    ),
  );
}

const colourOf = {
  created: "green",
  added: "green",
  updated: "yellow",
  changed: "yellow",
  mended: "yellow",
  deleted: "red",
  removed: "red",
  unchanged: "dim",
} as const;

function changeText(change: keyof typeof colourOf, colours: boolean): string {
  return colour(colours, colourOf[change], change);
}

function listed(fields: readonly string[]): string {
  const shown = fields.slice(0, 3).join(", ");
  return fields.length > 3 ? `${shown} and ${fields.length - 3} more` : shown;
}
