import type { SimulatedObjective } from "../../planning/simulate.ts";
import type { VariantShare } from "../../planning/tally.ts";
import { percentText } from "./percent.ts";
import { formatTable } from "./table.ts";

/** What `signalbox simulate` tells. */
export type ShownSimulation = {
  /** What is compared with what, as revisions; null when only shares are told. */
  readonly comparison: { readonly from: number; readonly to: number | "the files" } | null;
  /** Whether the units are made up, so that shares have a margin. */
  readonly isSample: boolean;
  readonly objectives: readonly SimulatedObjective[];
};

/** Shares and moves as tables, objective by objective. */
export function formatSimulation({ comparison, isSample, objectives }: ShownSimulation): string {
  if (objectives.length === 0) return "No objective is touched.";
  const between =
    comparison === null
      ? []
      : [
          `From revision ${comparison.from} to ${comparison.to === "the files" ? comparison.to : `revision ${comparison.to}`}`,
        ];
  return [...between, ...objectives.map((each) => objectiveText(each, comparison !== null, isSample))].join("\n\n");
}

function objectiveText(simulated: SimulatedObjective, isComparison: boolean, isSample: boolean): string {
  const { objective, contexts, before, after, moved, moves, unreachedRules, unreachedExperiments } = simulated;
  const rows = rowsOf(before, after).map(({ rule, variant, version, was, is }) => {
    const shares = [was, is].map((share) => (share ? percentText(share, isSample) : "0.0 %"));
    return [rule, variant ?? "-", version, ...(isComparison ? shares : shares.slice(1))];
  });
  const headings = ["rule", "variant", "version", ...(isComparison ? ["before", "after"] : ["share"])];
  const moveRows = moves.map((move) => [move.from ?? "none", move.to ?? "none", percentText(move, isSample)]);
  return [
    `${objective}: ${contexts} ${contexts === 1 ? "context" : "contexts"}`,
    formatTable(headings, rows),
    ...(isComparison ? [`${percentText(moved, isSample)} get another version.`] : []),
    ...(moveRows.length > 0 ? [formatTable(["from", "to", "share"], moveRows)] : []),
    ...(unreachedRules.length > 0
      ? [`No context reached ${unreachedRules.join(", ")}: give --context or --context-file to count it.`]
      : []),
    ...(unreachedExperiments.length > 0
      ? [`No context is in the experiment ${unreachedExperiments.join(", ")}: give --context, --context-file or --now.`]
      : []),
  ].join("\n");
}

type Row = Pick<VariantShare, "rule" | "variant" | "version"> & { was?: VariantShare; is?: VariantShare };

/** One row for each variant that either side has, largest first. */
function rowsOf(before: readonly VariantShare[], after: readonly VariantShare[]): Row[] {
  const rows = new Map<string, Row>();
  const add = (share: VariantShare, side: "was" | "is") => {
    const { rule, variant, version } = share;
    const key = `${rule}\n${variant}\n${version}`;
    rows.set(key, { rule, variant, version, ...rows.get(key), [side]: share });
  };
  for (const share of before) add(share, "was");
  for (const share of after) add(share, "is");
  return [...rows.values()].sort((a, b) => (b.is?.count ?? 0) - (a.is?.count ?? 0));
}
