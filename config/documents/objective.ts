import { z } from "zod";
import { limits } from "../limits.ts";
import { unreachableRules } from "../unreachable-rules.ts";
import { apiVersion, attributeName, metadata, milliseconds, modelVersionReference, name } from "./common.ts";
import { condition } from "./condition.ts";
import { beyond, evenIfPartsAreBad, expected, onlyIfGood, report, someWeight, unique } from "./refinements.ts";

const weight = z.number().min(0).max(1_000_000);

const variant = z.strictObject({ name, weight, ...modelVersionReference.shape });

const split = z.strictObject({
  salt: z
    .string()
    .min(1)
    .max(255)
    .optional()
    .describe("What the unit is hashed with; `<namespace>/<objective>/<rule>` when absent."),
  variants: z
    .array(variant)
    .min(1)
    .max(limits.variantsPerSplit, beyond("variantsPerSplit"))
    .superRefine(
      unique((each) => each.name, "name"),
      evenIfPartsAreBad,
    )
    .superRefine(someWeight, evenIfPartsAreBad),
});

const rule = z
  .strictObject({
    name,
    when: condition.optional().describe("Always true when absent."),
    split: split.optional(),
    serve: modelVersionReference.optional().describe("One model version for all that the rule matches."),
  })
  .superRefine((value, ctx) => {
    if ((value.split === undefined) === (value.serve === undefined))
      report(ctx, [], "must have exactly one of split and serve");
  }, evenIfPartsAreBad)
  .meta({ oneOf: [{ required: ["split"] }, { required: ["serve"] }] });

const rules = z
  .array(rule)
  .max(limits.rulesPerObjective, beyond("rulesPerObjective"))
  .superRefine(
    unique((each) => each.name, "name"),
    evenIfPartsAreBad,
  )
  .superRefine((each, ctx) => {
    for (const { rule: index, shadowedBy } of unreachableRules(each)) {
      const earlier = `rule "${each[shadowedBy]?.name}" (entry ${shadowedBy})`;
      report(ctx, [index], `can never match, because ${earlier} matches first whenever it would; reorder or remove it`);
    }
  }, onlyIfGood)
  .describe("In order; the first whose condition holds decides.");

const shadow = z.strictObject({
  ...modelVersionReference.omit({ parameters: true }).shape,
  percent: z.number().min(0).max(100),
});

const policy = z.strictObject({
  timeoutMs: milliseconds
    .default(15_000)
    .describe("Until the whole answer has arrived; 0 is no limit, which streams need."),
  idleTimeoutMs: milliseconds.default(300_000).describe("Longest silence on a stream; 0 is no limit."),
  retries: z.int().min(0).max(10).default(1).describe("Only of requests that no model has begun to answer."),
  onUnknownKey: z.enum(["default", "reject"]).default("default"),
  loading: z.literal("eager").default("eager"),
  ttlMs: milliseconds.default(10_000).describe("How long a client may reuse an answer of the resolver."),
});

/** A business use case: which model version answers for which context. */
export const objectiveSchema = z.strictObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal("Objective"),
  metadata,
  spec: z
    .strictObject({
      unit: z
        .string()
        .regex(attributeName, expected("an attribute name such as userId, at most 63 characters"))
        .default("userId")
        .describe("The context attribute that is bucketed: the same unit gets the same variant."),
      default: modelVersionReference,
      rules: rules.default([]),
      shadow: z
        .array(shadow)
        .max(limits.shadowsPerObjective, beyond("shadowsPerObjective"))
        .superRefine(
          unique(({ model, version }) => (model === undefined ? undefined : `${model}@${version}`), "version"),
        )
        .default([])
        .describe("Model versions that get a copy of the requests; their answers are thrown away."),
      policy: policy.prefault({}),
    })
    .superRefine((spec, ctx) => {
      spec.shadow.forEach(({ model, version }, index) => {
        if (model === spec.default.model && version === spec.default.version)
          report(ctx, ["shadow", index], `${model}@${version} is the default itself; shadow another version`);
      });
    }),
});

export type Objective = z.output<typeof objectiveSchema>;
export type ObjectiveInput = z.input<typeof objectiveSchema>;
export type Rule = Objective["spec"]["rules"][number];
export type Split = NonNullable<Rule["split"]>;
export type Variant = Split["variants"][number];
