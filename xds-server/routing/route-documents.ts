import type { LiveDocuments } from "../../config/live-documents.ts";
import { routeObjective } from "./route-objective.ts";
import type { RoutingTable } from "./routing-table.ts";

/** The whole table of some documents, by name, ascending. Those are consistent: everything that is named is there. */
export function routeDocuments(live: LiveDocuments): RoutingTable {
  const shards = [...live.shards].map(([name, { document }]) => [name, { name, spec: document.spec }] as const);
  const objectives = [...live.objectives.keys()].map((name) => [name, routeObjective(live, name)] as const);
  return { shards: new Map(shards.sort(byName)), objectives: new Map(objectives.sort(byName)) };
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
