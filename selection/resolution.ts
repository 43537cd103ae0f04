import { createAttached } from "../config/attached.ts";
import type { Decision, Parameters, Reason } from "./decision.ts";
import { formatDecisionHeader } from "./decision-header.ts";
import { type Labels, labelHeaders } from "./labels.ts";

/** For the model: which of its versions answers, and how. The client puts it in the request's body or metadata. */
export type ObjectiveConfig = {
  readonly model: string;
  readonly version: string;
  /** The arm of the rule's split; null where nothing was split. */
  readonly variant: string | null;
  /** The rule that decided; `default` or `override` when none did. */
  readonly rule: string;
  /** Request-specific parameters of the model version. */
  readonly parameters: Parameters;
};

/** A decision in the form that a client needs to send its request. Immutable. */
export type Resolution = {
  /** `<namespace>/<objective>` */
  readonly objective: string;
  readonly routingKey: string;
  /** To add to the request as they are; the routing key among them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly config: ObjectiveConfig;
  readonly revision: number;
  readonly ttlMs: number;
  readonly fallbackKeys: readonly string[];
  readonly reason: Reason;
};

// Decisions are shared by all contexts with the same answer and live as long as the compiled objective.
const made = createAttached<Decision, Resolution>();

/** The answer for a decision: one and the same object for each decision, but for one with labels. */
export function resolutionOf(decision: Decision, labels: Labels = {}): Resolution {
  let known = made.get(decision);
  if (known === undefined) {
    known = newResolution(decision);
    made.set(decision, known);
  }
  return hasLabels(labels) ? { ...known, headers: { ...known.headers, ...labelHeaders(labels) } } : known;
}

/** {@link resolutionOf} for whoever keeps what is made of it, and not the answer itself. */
export function newResolution(decision: Decision): Resolution {
  const { objective, routingKey, model, version, variant, rule, parameters } = decision;
  const { revision, ttlMs, fallbackKeys, reason } = decision;
  return {
    objective,
    routingKey,
    headers: { "x-routing-key": routingKey, "x-signalbox-decision": formatDecisionHeader(decision) },
    config: { model, version, variant, rule, parameters },
    revision,
    ttlMs,
    fallbackKeys: [...fallbackKeys],
    reason,
  };
}

export function hasLabels({ trafficClass, client }: Labels): boolean {
  return trafficClass !== undefined || client !== undefined;
}
