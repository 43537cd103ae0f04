import type { DigitsWeights } from "./digits.ts";
import { tensors } from "./infer.ts";
import type { LoadedModels } from "./loaded-models.ts";

/** What the server says of itself; it has none of the protocol's extensions. */
export const serverMetadata = { name: "signalbox-example-model-server", version: "1", extensions: [] };

/** What the server says of a model version. */
export function modelMetadata(models: LoadedModels, weights: DigitsWeights) {
  return {
    name: weights.model,
    versions: models.versions,
    platform: `signalbox-example, ${weights.method}, accuracy ${weights.heldOut.accuracy.toFixed(3)}`,
    inputs: tensors.inputs,
    outputs: tensors.outputs,
  };
}
