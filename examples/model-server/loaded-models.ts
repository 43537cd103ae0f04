import { readFileSync } from "node:fs";
import { type DigitsWeights, digitsWeights } from "./digits.ts";
import { InferError } from "./infer.ts";

export const modelName = "digits";

/** The versions that this server holds, each with its weights. */
export type LoadedModels = {
  /** In the order they were given. */
  readonly versions: readonly string[];
  /** The weights of a version; the last version when none is asked for. Throws an InferError (404) for one it has not. */
  find(model: string, version?: string): DigitsWeights;
};

/** Reads the weights of each version from examples/quickstart; throws when there is no such file. */
export function loadModels(versions: readonly string[]): LoadedModels {
  const loaded = new Map(versions.map((version) => [version, readWeights(version)]));
  return {
    versions,
    find: (model, version) => {
      const weights = model === modelName ? loaded.get(version || (versions.at(-1) ?? "")) : undefined;
      if (weights) return weights;
      const held = versions.map((name) => `${modelName}@${name}`).join(", ");
      throw new InferError(404, `no model ${model}${version ? `@${version}` : ""} here: this server holds ${held}`);
    },
  };
}

function readWeights(version: string): DigitsWeights {
  const file = new URL(`../quickstart/digits-${version}.weights.json`, import.meta.url);
  return digitsWeights.parse(JSON.parse(readFileSync(file, "utf8")));
}
