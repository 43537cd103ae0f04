import type { Objective } from "../config/documents/objective.ts";

/** Parameters handed to the model: those of its version, overlaid key by key by those of the rule that named it. */
export type Parameters = NonNullable<Objective["spec"]["default"]["parameters"]>;

/**
 * Why a decision is what it is:
 * - `rule`: the rule named in the decision matched;
 * - `default`: no rule matched;
 * - `unit_missing`: at least one rule or experiment whose condition held was passed over, because it splits and the
 *   context has no unit to split by. The decision is that of the next one that matched, or the default;
 * - `experiment`: the experiment named in `rule` took the context; `variant` is its arm;
 * - `override`: the caller asked for this model version.
 */
export type Reason = "rule" | "default" | "unit_missing" | "experiment" | "override";

export const reasons = [
  "rule",
  "default",
  "unit_missing",
  "experiment",
  "override",
] as const satisfies readonly Reason[];

/** A model version that receives a copy of some requests; its answers reach nobody. */
export type Shadow = {
  readonly routingKey: string;
  readonly model: string;
  readonly version: string;
  /** 0 to 100, of the requests. */
  readonly percent: number;
};

/** What selection answered for one context. Immutable, shared by all contexts with the same answer. */
export type Decision = {
  /** `<namespace>/<name>` */
  readonly objective: string;
  /** The rule or experiment that decided; `default` or `override` when none did. A rule may bear any of those names: see `reason`. */
  readonly rule: string;
  /** The arm of the rule's split or of the experiment; null where nothing was split. */
  readonly variant: string | null;
  readonly model: string;
  readonly version: string;
  readonly parameters: Parameters;
  /** The value of the `x-routing-key` header. */
  readonly routingKey: string;
  /** The objective's revision: the highest of the documents it depends on. */
  readonly revision: number;
  /** The objective's shadows, but for one of the chosen version itself. Envoy draws per request whether it copies. */
  readonly shadows: readonly Shadow[];
  /** How long a client may reuse this decision for the same context. */
  readonly ttlMs: number;
  /** Routing keys to try, in order, when the chosen one fails: the objective's default, unless it is the chosen one. */
  readonly fallbackKeys: readonly string[];
  readonly reason: Reason;
};

/** A caller's wish for one model version, already authorised. `model` is the default's model when absent. */
export type Override = { readonly model?: string; readonly version: string };
