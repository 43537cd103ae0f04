import type { Decision, Parameters, Reason, Shadow } from "./decision.ts";

/**
 * A decision with room for what a process keeps of it: how often it was made since it was last counted, and its answer as
 * text. Of ten thousand objectives nothing is in the processor's caches, and each request reads both: what is attached
 * (config/attached.ts) would lie elsewhere and be waited for. Private, so that copies, JSON and comparisons pass over them.
 */
export class KeptDecision implements Decision {
  // In the order in which they lie in memory: what each request reads comes first.
  #text: string | null = null;
  #count = 0;
  #unitMissing: KeptDecision | null = null;
  declare readonly objective: string;
  declare readonly rule: string;
  declare readonly variant: string | null;
  declare readonly model: string;
  declare readonly version: string;
  declare readonly parameters: Parameters;
  declare readonly routingKey: string;
  declare readonly revision: number;
  declare readonly shadows: readonly Shadow[];
  declare readonly ttlMs: number;
  declare readonly fallbackKeys: readonly string[];
  declare readonly reason: Reason;

  constructor(decision: Decision) {
    this.objective = decision.objective;
    this.rule = decision.rule;
    this.variant = decision.variant;
    this.model = decision.model;
    this.version = decision.version;
    this.parameters = decision.parameters;
    this.routingKey = decision.routingKey;
    this.revision = decision.revision;
    this.shadows = decision.shadows;
    this.ttlMs = decision.ttlMs;
    this.fallbackKeys = decision.fallbackKeys;
    this.reason = decision.reason;
  }

  /** The same decision, made after a rule or an experiment was passed over because a unit was missing. */
  get unitMissing(): KeptDecision {
    this.#unitMissing ??= new KeptDecision({ ...this, reason: "unit_missing" });
    return this.#unitMissing;
  }

  /** What `write` makes of the decision, which must be the same function each time: it is called once. */
  text(write: (decision: Decision) => string): string {
    this.#text ??= write(this);
    return this.#text;
  }

  /** Counts one more; answers how many there are since {@link takeCount}. */
  count(): number {
    this.#count += 1;
    return this.#count;
  }

  /** How often it was counted; from now on it begins at 0. */
  takeCount(): number {
    const count = this.#count;
    this.#count = 0;
    return count;
  }
}
