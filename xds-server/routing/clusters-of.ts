import type { ObjectiveRoutes } from "./routing-table.ts";

/** The clusters that an objective's requests may go to, copies for shadows included. */
export function clustersOf(objective: ObjectiveRoutes): Set<string> {
  return new Set(objective.versions.flatMap(({ shards }) => shards.map(({ cluster }) => cluster)));
}
