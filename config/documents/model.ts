import { z } from "zod";
import { limits } from "../limits.ts";
import { apiVersion, metadata, modelVersion, name, parameters } from "./common.ts";
import { beyond, evenIfPartsAreBad, someWeight, unique } from "./refinements.ts";

const placement = z.strictObject({
  shard: name,
  weight: z
    .int()
    .min(0)
    .max(10_000)
    .default(100)
    .describe("Share of the requests, relative to the others. 0 keeps the shard ready to be dialled in."),
});

const version = z.strictObject({
  version: modelVersion,
  placement: z
    .array(placement)
    .min(1)
    .max(limits.shardsPerPlacement, beyond("shardsPerPlacement"))
    .superRefine(
      unique(({ shard }) => shard, "shard"),
      evenIfPartsAreBad,
    )
    .superRefine(someWeight, evenIfPartsAreBad)
    .describe("The shards that host this version."),
  parameters: parameters.optional().describe("Defaults for every variant that names this version."),
});

/** A model, its versions, and the shards that host each. */
export const modelSchema = z.strictObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal("Model"),
  metadata,
  spec: z.strictObject({
    protocol: z
      .enum(["open-inference", "tensorflow-serving", "sagemaker", "openai", "raw"])
      .default("open-inference")
      .describe("What the model server speaks: decides how the client's /infer path is rewritten."),
    versions: z
      .array(version)
      .min(1)
      .max(limits.versionsPerModel, beyond("versionsPerModel"))
      .superRefine(
        unique((each) => each.version, "version"),
        evenIfPartsAreBad,
      ),
  }),
});

export type Model = z.output<typeof modelSchema>;
export type ModelInput = z.input<typeof modelSchema>;
export type ModelVersion = Model["spec"]["versions"][number];
