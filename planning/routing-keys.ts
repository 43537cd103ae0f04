import type { Objective } from "../config/documents/objective.ts";
import type { LiveDocuments } from "../config/live-documents.ts";
import { modelsIn } from "../config/relations/needs.ts";
import { formatRoutingKey } from "../selection/routing-key.ts";

/** A shard of a version's placement and its weight, relative to the others. */
export type PlacedShard = { readonly shard: string; readonly weight: number };

/**
 * The routing keys of a live objective (`<namespace>/<name>`), each with the shards (`<namespace>/<name>`) that serve it:
 * every version of every model that it, or an experiment on it, names has one. Empty when there is no such objective.
 */
export function routingKeysOf(live: LiveDocuments, objectiveName: string): Map<string, readonly PlacedShard[]> {
  const objective = live.objectives.get(objectiveName)?.document;
  const keys = new Map<string, readonly PlacedShard[]>();
  if (!objective) return keys;
  for (const modelName of modelsIn(live, objective)) {
    const model = live.models.get(modelName)?.document;
    for (const { version, placement } of model?.spec.versions ?? []) {
      const shards = placement.map(({ shard, weight }) => ({
        shard: `${objective.metadata.namespace}/${shard}`,
        weight,
      }));
      keys.set(keyOf(objective, model?.metadata.name ?? "", version), shards);
    }
  }
  return keys;
}

function keyOf({ metadata: { namespace, name } }: Objective, model: string, version: string): string {
  return formatRoutingKey({ namespace, objective: name, model, version });
}
