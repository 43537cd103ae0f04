import { z } from "zod";
import { limits } from "../limits.ts";
import { apiVersion, metadata, milliseconds, modelVersionReference, name } from "./common.ts";
import { attributeName, condition } from "./condition.ts";

const weight = z.number().min(0).max(1_000_000);

const variant = z.strictObject({ name, weight, ...modelVersionReference.shape });

const split = z.strictObject({
  salt: z
    .string()
    .min(1)
    .max(255)
    .optional()
    .describe("What the unit is hashed with; `<namespace>/<objective>/<rule>` when absent."),
  variants: z.array(variant).min(1).max(limits.variantsPerSplit),
});

const rule = z
  .strictObject({
    name,
    when: condition.optional().describe("Always true when absent."),
    split: split.optional(),
    serve: modelVersionReference.optional().describe("One model version for all that the rule matches."),
  })
  .refine(
    (value) => (value.split === undefined) !== (value.serve === undefined),
    "must have exactly one of split and serve",
  );

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
  spec: z.strictObject({
    unit: z
      .string()
      .regex(attributeName)
      .default("userId")
      .describe("The context attribute that is bucketed: the same unit gets the same variant."),
    default: modelVersionReference,
    rules: z.array(rule).max(limits.rulesPerObjective).default([]),
    shadow: z.array(shadow).max(limits.shadowsPerObjective).default([]),
    policy: policy.prefault({}),
  }),
});

export type Objective = z.output<typeof objectiveSchema>;
export type ObjectiveInput = z.input<typeof objectiveSchema>;
export type Rule = Objective["spec"]["rules"][number];
export type Split = NonNullable<Rule["split"]>;
export type Variant = Split["variants"][number];
