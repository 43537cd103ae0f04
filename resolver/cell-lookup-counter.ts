import { cellOutcomes, type OnCellLookup } from "../cells/cell-lookup.ts";
import type { Metrics } from "../service/metrics.ts";

/** The counter of lookups, which is there without a platform too. */
export function createCellLookupCounter(metrics: Metrics): OnCellLookup {
  const counter = metrics.counter({
    name: "signalbox_resolver_cell_lookups_total",
    help: "Units whose cells were looked up for an experiment: cached, answered, late (rules decided) or failed.",
    labelNames: ["outcome"],
  });
  for (const outcome of cellOutcomes) counter.inc({ outcome }, 0);
  return ({ outcome }) => counter.inc({ outcome });
}
