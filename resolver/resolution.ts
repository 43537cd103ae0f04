import { z } from "zod";
import type { Decision } from "../selection/decision.ts";
import { formatDecisionHeader } from "./decision-header.ts";
import type { ResolveRequest } from "./request.ts";

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
    .enum(["rule", "default", "unit_missing", "override"])
    .describe("`unit_missing`: a rule that splits was passed over, because the context has no unit."),
});

export type Resolution = z.output<typeof resolutionSchema>;

/** The part of a request that travels in headers and does not change the decision. */
export type Labels = Pick<ResolveRequest, "trafficClass" | "client">;

type Prepared = { readonly resolution: Resolution; readonly json: string };

// Decisions are shared by all contexts with the same answer and live as long as the compiled objective.
const prepared = new WeakMap<Decision, Prepared>();

/** The answer for a decision, as an object. */
export function resolutionOf(decision: Decision, labels: Labels = {}): Resolution {
  const { resolution } = prepare(decision);
  return hasLabels(labels) ? withLabels(resolution, labels) : resolution;
}

/** The answer for a decision, as JSON. */
export function resolutionJson(decision: Decision, labels: Labels = {}): string {
  const { resolution, json } = prepare(decision);
  return hasLabels(labels) ? JSON.stringify(withLabels(resolution, labels)) : json;
}

function prepare(decision: Decision): Prepared {
  const known = prepared.get(decision);
  if (known) return known;
  const { objective, routingKey, model, version, variant, rule, parameters } = decision;
  const { revision, ttlMs, fallbackKeys, reason } = decision;
  const resolution: Resolution = {
    objective,
    routingKey,
    headers: { "x-routing-key": routingKey, "x-signalbox-decision": formatDecisionHeader(decision) },
    config: { model, version, variant, rule, parameters },
    revision,
    ttlMs,
    fallbackKeys: [...fallbackKeys],
    reason,
  };
  const value = { resolution, json: JSON.stringify(resolution) };
  prepared.set(decision, value);
  return value;
}

function hasLabels({ trafficClass, client }: Labels): boolean {
  return trafficClass !== undefined || client !== undefined;
}

function withLabels(resolution: Resolution, { trafficClass, client }: Labels): Resolution {
  const headers = {
    ...resolution.headers,
    ...(trafficClass === undefined ? {} : { "x-signalbox-traffic-class": trafficClass }),
    ...(client === undefined ? {} : { "x-signalbox-client": client }),
  };
  return { ...resolution, headers };
}
