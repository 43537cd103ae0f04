import { z } from "zod";
import { reasons } from "../selection/decision.ts";

const uint32 = z.int().min(0).max(4_294_967_295);

const arm = z.object({
  variant: z.string(),
  weight: z.number(),
  model: z.string(),
  version: z.string(),
  hash: uint32.describe("Of the arm's name, seeded with the bucket."),
  score: z.number().nullable().describe("The lowest wins; null for an arm of weight 0, which never does."),
  chosen: z.boolean().describe("Whether the unit falls into this arm, or would."),
});

const splitWithArms = z
  .object({ salt: z.string(), bucket: uint32.describe("The hash of `salt:unit`."), arms: z.array(arm) })
  .nullable();

const experiment = z.object({
  experiment: z.string(),
  outcome: z
    .enum([
      "chosen",
      "not_running",
      "not_matched",
      "unit_missing",
      "held_out",
      "outside_slices",
      "no_cell",
      "no_weight",
      "not_reached",
    ])
    .describe("`chosen`, or why it did not take the context."),
  matches: z.boolean().describe("Whether the condition holds."),
  why: z.array(z.string()).describe("The terms that settle it; then times, holdouts, layer and cells."),
  split: splitWithArms.describe("Null with cells, and when there is no unit."),
});

const rule = z.object({
  rule: z.string(),
  outcome: z
    .enum(["chosen", "not_matched", "passed_over", "not_reached"])
    .describe(
      "`passed_over`: the condition holds, but the split has no unit or only weights of 0; `not_reached`: an earlier rule, or an override, had decided.",
    ),
  matches: z.boolean().describe("Whether the condition holds."),
  why: z.array(z.string()).describe('The terms that settle it, such as `country: found "DE", wanted "US"`.'),
  split: splitWithArms.describe("Null for a rule without a split, and when there is no unit."),
});

/** Why a decision is what it is: what `POST /v1/explain` answers. */
export const explanationSchema = z.object({
  objective: z.string().describe("`<namespace>/<objective>`"),
  decision: z
    .object({
      objective: z.string(),
      rule: z.string(),
      variant: z.string().nullable(),
      model: z.string(),
      version: z.string(),
      parameters: z.record(z.string(), z.unknown()),
      routingKey: z.string(),
      revision: z.int(),
      shadows: z
        .array(z.object({ routingKey: z.string(), model: z.string(), version: z.string(), percent: z.number() }))
        .describe("Model versions that get a copy of some requests."),
      ttlMs: z.int(),
      fallbackKeys: z.array(z.string()),
      reason: z.enum(reasons),
    })
    .describe("What `POST /v1/resolve` would answer."),
  unit: z
    .object({ attribute: z.string(), value: z.string().nullable() })
    .describe("What is bucketed; null when the context has no unit."),
  experiments: z.array(experiment).describe("Every experiment on the objective; they decide before the rules."),
  rules: z.array(rule).describe("Every rule, in order, those after the deciding one too."),
  oneCall: z
    .object({
      engine: z
        .enum(["embedded", "resolver"])
        .describe("Whether the rules run inside Envoy, or Envoy asks the resolver."),
      why: z.array(z.string()).describe("Why the rules do not run inside Envoy; empty when they do."),
      attributes: z
        .array(
          z.object({
            name: z.string(),
            header: z.string().nullable().describe("Null for one that only baggage holds."),
            baggage: z
              .string()
              .nullable()
              .describe("The member that holds it when the header does not; null for none."),
            type: z.enum(["string", "number", "boolean", "list"]),
          }),
        )
        .describe("What the objective reads of a request's headers."),
    })
    .describe("How the objective is selected in one-call mode."),
});
