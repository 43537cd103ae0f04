import type { LiveDocuments } from "../../config/live-documents.ts";
import { routeObjective } from "./route-objective.ts";
import type { RoutingTable } from "./routing-table.ts";

/** The whole table of some documents. Those are consistent: everything that is named is there. */
export function routeDocuments(live: LiveDocuments): RoutingTable {
  const shards = new Map([...live.shards].map(([name, { document }]) => [name, { name, spec: document.spec }]));
  const objectives = new Map([...live.objectives.keys()].map((name) => [name, routeObjective(live, name)]));
  return { shards, objectives };
}
