import type { Model } from "../../config/documents/model.ts";
import { modelSchema } from "../../config/documents/model.ts";
import type { Objective } from "../../config/documents/objective.ts";
import { objectiveSchema } from "../../config/documents/objective.ts";
import type { Shard } from "../../config/documents/shard.ts";
import { shardSchema } from "../../config/documents/shard.ts";

/** Small valid documents for tests about something else than documents. */

const apiVersion = "signalbox.dev/v1" as const;

/** A shard with one endpoint; `port` makes two revisions of it differ. */
export function testShard(name: string, port = 8080): Shard {
  return shardSchema.parse({
    apiVersion,
    kind: "Shard",
    metadata: { name },
    spec: { endpoints: [{ address: "127.0.0.1", port }] },
  });
}

/** A model whose versions are all placed on one shard. */
export function testModel(name: string, shard: string, versions: readonly string[] = ["1"]): Model {
  return modelSchema.parse({
    apiVersion,
    kind: "Model",
    metadata: { name },
    spec: { versions: versions.map((version) => ({ version, placement: [{ shard }] })) },
  });
}

/** An objective without rules. */
export function testObjective(name: string, model: string, version = "1"): Objective {
  return objectiveSchema.parse({
    apiVersion,
    kind: "Objective",
    metadata: { name },
    spec: { default: { model, version } },
  });
}
