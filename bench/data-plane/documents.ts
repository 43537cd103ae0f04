import { apiVersion } from "../../config/documents/common.ts";
import type { ModelInput } from "../../config/documents/model.ts";
import type { ObjectiveInput } from "../../config/documents/objective.ts";
import type { ShardInput } from "../../config/documents/shard.ts";

/** One shard, one model with `versions` versions, and `objectives` objectives: objectives x versions routing keys. */
export function documents(settings: {
  objectives: number;
  versions: number;
  backendPort: number;
}): (ShardInput | ModelInput | ObjectiveInput)[] {
  const shard: ShardInput = {
    apiVersion,
    kind: "Shard",
    metadata: { name: "backend" },
    spec: { endpoints: [{ address: "127.0.0.1", port: settings.backendPort }] },
  };
  const model: ModelInput = {
    apiVersion,
    kind: "Model",
    metadata: { name: "ranker" },
    spec: {
      versions: Array.from({ length: settings.versions }, (_, index) => ({
        version: String(index),
        placement: [{ shard: "backend" }],
      })),
    },
  };
  const objectives = Array.from(
    { length: settings.objectives },
    (_, index): ObjectiveInput => ({
      apiVersion,
      kind: "Objective",
      metadata: { name: `objective-${index}` },
      spec: { default: { model: "ranker", version: "0" } },
    }),
  );
  return [shard, model, ...objectives];
}
