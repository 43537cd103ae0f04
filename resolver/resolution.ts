import { z } from "zod";
import { type Decision, reasons } from "../selection/decision.ts";
import { KeptDecision } from "../selection/kept-decision.ts";
import type { Labels } from "../selection/labels.ts";
import { hasLabels, newResolution, type Resolution, resolutionOf } from "../selection/resolution.ts";

/** What a client needs to send its request. */
export const resolutionSchema = z.object({
  objective: z.string().describe("`<namespace>/<objective>`"),
  routingKey: z.string().describe("`<namespace>/<objective>/<model>@<version>`; opaque."),
  headers: z.record(z.string(), z.string()).describe("To add to the request as they are; the routing key among them."),
  config: z
    .object({
      model: z.string(),
      version: z.string(),
      variant: z.string().nullable().describe("The arm of the rule's split; null where nothing was split."),
      rule: z.string().describe("The rule that decided; `default` or `override` when none did."),
      parameters: z.record(z.string(), z.unknown()).describe("Request-specific parameters of the model version."),
    })
    .describe("The ObjectiveConfig: the client puts it in the request's body or metadata."),
  revision: z.int().describe("The objective's revision: the highest of the documents it depends on."),
  ttlMs: z.int().describe("How long the answer may be reused for the same context."),
  fallbackKeys: z.array(z.string()).describe("Routing keys to try, in order, when the chosen one fails."),
  reason: z
    .enum(reasons)
    .describe("`unit_missing`: a rule that splits was passed over, because the context has no unit."),
});

/**
 * The answer for a decision, as JSON in ASCII, so that it has as many bytes as characters. Written once for each decision
 * of a compiled objective, unless there are labels.
 */
export function resolutionJson(decision: Decision, labels: Labels = {}): string {
  if (hasLabels(labels)) return asciiJson(resolutionOf(decision, labels));
  return decision instanceof KeptDecision ? decision.text(write) : write(decision);
}

function write(decision: Decision): string {
  return asciiJson(newResolution(decision));
}

function asciiJson(resolution: Resolution): string {
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(resolution).replaceAll(/[\x80-\uffff]/g, escaped);
}
