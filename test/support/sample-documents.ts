import { apiVersion } from "../../config/documents/common.ts";
import type { ExperimentInput } from "../../config/documents/experiment.ts";
import type { ModelInput } from "../../config/documents/model.ts";
import type { ObjectiveInput } from "../../config/documents/objective.ts";
import type { ShardInput } from "../../config/documents/shard.ts";

const address = "127.0.0.1";

/** A shard of the namespace default with one endpoint per port. */
export function sampleShard(
  name: string,
  ports: readonly number[],
  spec: Partial<ShardInput["spec"]> = {},
): ShardInput {
  return {
    apiVersion,
    kind: "Shard",
    metadata: { name },
    spec: { endpoints: ports.map((port) => ({ address, port })), ...spec },
  };
}

/** A model of protocol raw (the path stays as it is): version -> its placement. */
export function sampleModel(
  name: string,
  versions: Readonly<Record<string, readonly string[]>>,
  protocol: ModelInput["spec"]["protocol"] = "raw",
): ModelInput {
  return {
    apiVersion,
    kind: "Model",
    metadata: { name },
    spec: {
      protocol,
      versions: Object.entries(versions).map(([version, shards]) => ({
        version,
        placement: shards.map((shard) => ({ shard })),
      })),
    },
  };
}

/** An objective whose default is `model@version`, with anything else on top. */
export function sampleObjective(
  name: string,
  model: string,
  version: string,
  spec: Partial<ObjectiveInput["spec"]> = {},
): ObjectiveInput {
  return { apiVersion, kind: "Objective", metadata: { name }, spec: { default: { model, version }, ...spec } };
}

/** An experiment on one objective: the model version that each of its equal arms gets, with anything else on top. */
export function sampleExperiment(
  name: string,
  objective: string,
  arms: ExperimentInput["spec"]["targets"][number]["arms"],
  spec: Partial<ExperimentInput["spec"]> = {},
): ExperimentInput {
  const named = Object.keys(arms).map((arm) => ({ name: arm }));
  return {
    apiVersion,
    kind: "Experiment",
    metadata: { name },
    spec: { arms: named, targets: [{ objective, arms }], ...spec },
  };
}

/** A sample in another namespace than default, with labels if need be. */
export function inNamespace<D extends { readonly metadata: object }>(
  namespace: string,
  document: D,
  labels: Readonly<Record<string, string>> = {},
): D {
  return { ...document, metadata: { ...document.metadata, namespace, labels } };
}
