import { apiVersion } from "../../config/documents/common.ts";
import type { ModelInput } from "../../config/documents/model.ts";
import type { ObjectiveInput } from "../../config/documents/objective.ts";
import type { ShardInput } from "../../config/documents/shard.ts";

/** Two objectives with the same rules, a condition and a split in two; `embedded` and `resolver` are their engines. */
export function documents(backendPort: number): (ShardInput | ModelInput | ObjectiveInput)[] {
  const shard: ShardInput = {
    apiVersion,
    kind: "Shard",
    metadata: { name: "backend" },
    spec: { endpoints: [{ address: "127.0.0.1", port: backendPort }] },
  };
  const model: ModelInput = {
    apiVersion,
    kind: "Model",
    metadata: { name: "ranker" },
    spec: { versions: ["0", "1"].map((version) => ({ version, placement: [{ shard: "backend" }] })) },
  };
  return [shard, model, objective("embedded"), objective("resolver")];
}

function objective(engine: "embedded" | "resolver"): ObjectiveInput {
  const arm = (name: string, version: string) => ({ name, weight: 50, model: "ranker", version });
  return {
    apiVersion,
    kind: "Objective",
    metadata: { name: engine },
    spec: {
      default: { model: "ranker", version: "0" },
      rules: [
        {
          name: "experiment",
          when: { device: { in: ["tv", "console"] } },
          split: { variants: [arm("control", "0"), arm("treatment", "1")] },
        },
      ],
      policy: { engine },
    },
  };
}
