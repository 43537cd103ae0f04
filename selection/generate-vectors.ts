import { writeFileSync } from "node:fs";
import { buildAudienceVectors, buildExperimentVectors } from "./build-experiment-vectors.ts";
import { buildHashVectors, buildLoneSurrogateVectors, buildSplitVectors } from "./build-vectors.ts";

/**
 * Writes the computed vector files. They are frozen: a run on an unchanged contract changes no byte, and a difference
 * means that users would be moved. conditions.json and decisions.json are kept by hand.
 */
const files = {
  "murmur3.json": buildHashVectors(),
  "murmur3-lone-surrogates.json": buildLoneSurrogateVectors(),
  "splits.json": buildSplitVectors(),
  "experiments.json": buildExperimentVectors(),
  "audience.json": buildAudienceVectors(),
};

for (const [file, vectors] of Object.entries(files)) {
  writeFileSync(new URL(`vectors/${file}`, import.meta.url), `${JSON.stringify(vectors, null, 1)}\n`);
}
