import { z } from "zod";
import { createAttached } from "../config/attached.ts";
import { type Decision, reasons } from "../selection/decision.ts";
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

// Written once for each decision, and kept as long as the decision.
const written = createAttached<Decision, ResolutionText>();

/** The answer for a decision, as JSON. */
export function resolutionJson(decision: Decision, labels: Labels = {}): string {
  return resolutionText(decision, labels).json;
}

/** The answer for a decision, as JSON, and its length in UTF-8. */
export function resolutionText(decision: Decision, labels: Labels = {}): ResolutionText {
  if (hasLabels(labels)) return textOf(resolutionOf(decision, labels));
  const known = written.get(decision);
  if (known !== undefined) return known;
  const text = textOf(newResolution(decision));
  written.set(decision, text);
  return text;
}

function textOf(resolution: Resolution): ResolutionText {
  const json = JSON.stringify(resolution);
  return { json, bytes: Buffer.byteLength(json) };
}

type ResolutionText = { readonly json: string; readonly bytes: number };
