import { z } from "zod";
import { limits } from "../limits.ts";
import { apiVersion, attributeName, metadata, modelVersionReference, name } from "./common.ts";
import { condition } from "./condition.ts";
import { beyond, evenIfPartsAreBad, expected, onlyIfGood, report, someWeight, unique } from "./refinements.ts";

/** The context attribute that is bucketed. */
export const unitAttribute = z
  .string()
  .regex(attributeName, expected("an attribute name such as userId, at most 63 characters"))
  .default("userId");

/** Part of the salt: another number deals all units anew. */
export const iteration = z
  .int()
  .min(1)
  .max(1_000_000)
  .default(1)
  .describe("Raise it to deal all units anew, on purpose. Nothing else does.");

const moment = z.iso
  .datetime({ offset: true, error: expected('a time with its zone, such as "2026-11-21T09:00:00Z"').error })
  .describe("ISO 8601 with a zone; quote it in YAML.");

const percent = z.number().min(0).max(100);

const slice = z
  .strictObject({ from: percent, to: percent })
  .superRefine(({ from, to }, ctx) => {
    if (from >= to) report(ctx, ["to"], `must be above from (${from}), found ${to}`);
  }, onlyIfGood)
  .describe("Units at or above `from` and below `to` percent of the layer.");

const layer = z.strictObject({
  name,
  slices: z
    .array(slice)
    .min(1)
    .max(limits.slicesPerExperiment, beyond("slicesPerExperiment"))
    .superRefine((slices, ctx) => {
      slices.forEach((own, index) => {
        const earlier = slices.findIndex((other, at) => at < index && overlaps(own, other));
        if (earlier !== -1) report(ctx, [index], `overlaps entry ${earlier}; each part of a layer may come once`);
      });
    }, onlyIfGood)
    .describe("Add one to let the experiment grow without moving a unit."),
});

const allocation = z
  .discriminatedUnion("by", [
    z.strictObject({ by: z.literal("hash") }),
    z.strictObject({
      by: z.literal("cells"),
      attribute: z
        .string()
        .regex(attributeName, expected("an attribute name such as cells, at most 63 characters"))
        .default("cells")
        .describe("The context attribute with the unit's cells: a list of texts `<key>=<arm>`, or one."),
      key: z
        .string()
        .min(1)
        .max(255)
        .optional()
        .describe("What the platform calls the experiment; its name when absent."),
    }),
  ])
  .describe("Who puts a unit into an arm: our hash, or an outside platform whose cells the context carries.");

const arm = z.strictObject({
  name,
  weight: z.number().min(0).max(1_000_000).default(1).describe("Relative to the others; of no use with cells."),
});

const arms = z
  .array(arm)
  .min(1)
  .max(limits.variantsPerSplit, beyond("variantsPerSplit"))
  .superRefine(
    unique((each) => each.name, "name"),
    evenIfPartsAreBad,
  )
  .superRefine(someWeight, evenIfPartsAreBad);

const target = z.strictObject({
  objective: name,
  arms: z.record(name, modelVersionReference).describe("For every arm, the model version it gets in this objective."),
});

const targets = z
  .array(target)
  .min(1)
  .max(limits.targetsPerExperiment, beyond("targetsPerExperiment"))
  .superRefine(
    unique((each) => each.objective, "objective"),
    evenIfPartsAreBad,
  )
  .describe("The objectives it spans: a unit is in the same arm in all of them.");

/** One allocation over several objectives. */
export const experimentSchema = z.strictObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal("Experiment"),
  metadata,
  spec: z
    .strictObject({
      unit: unitAttribute,
      iteration,
      salt: z
        .string()
        .min(1)
        .max(255)
        .optional()
        .describe("What units are hashed with; `experiment:<namespace>/<name>` when absent. The iteration is added."),
      when: condition.optional().describe("Whom it is for; everybody when absent."),
      start: moment.optional().describe("From when on units are in it; at once when absent."),
      end: moment.optional().describe("From when on no unit is in it; never when absent."),
      layer: layer.optional().describe("Experiments of one layer share no unit."),
      allocation: allocation.prefault({ by: "hash" }),
      arms,
      targets,
    })
    .superRefine((spec, ctx) => {
      if (spec.start !== undefined && spec.end !== undefined && Date.parse(spec.start) >= Date.parse(spec.end))
        report(ctx, ["end"], `must be after start (${spec.start}), found ${spec.end}`);
      const names = spec.arms.map((each) => each.name);
      spec.targets.forEach((each, index) => {
        for (const given of Object.keys(each.arms))
          if (!names.includes(given))
            report(ctx, ["targets", index, "arms", given], `is no arm of the experiment; it has ${names.join(", ")}`);
        for (const wanted of names)
          if (!Object.hasOwn(each.arms, wanted))
            report(ctx, ["targets", index, "arms"], `has no model version for arm "${wanted}"; give every arm one`);
      });
    }, onlyIfGood),
});

export type Experiment = z.output<typeof experimentSchema>;
export type ExperimentInput = z.input<typeof experimentSchema>;
export type LayerSlice = z.output<typeof slice>;

/** Whether two half-open parts of a layer share a unit. */
export function overlaps(one: LayerSlice, other: LayerSlice): boolean {
  return one.from < other.to && other.from < one.to;
}
