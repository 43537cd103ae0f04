import { z } from "zod";
import { apiVersion, metadata } from "./common.ts";
import { iteration, unitAttribute } from "./experiment.ts";

/** Units of a namespace that are in none of its experiments. */
export const holdoutSchema = z.strictObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal("Holdout"),
  metadata,
  spec: z.strictObject({
    unit: unitAttribute.describe("Holds for the experiments of the namespace with the same unit."),
    percent: z.number().min(0).max(100).describe("Share of the units that is held out."),
    iteration,
  }),
});

export type Holdout = z.output<typeof holdoutSchema>;
export type HoldoutInput = z.input<typeof holdoutSchema>;
