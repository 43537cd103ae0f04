import { countedResolvers } from "../../rollout/live-processes.ts";
import type { StatusWatch } from "../../rollout/status-watch.ts";
import type { RetainedKeys } from "./retained-keys.ts";

export type ContractDeps = {
  readonly statuses: StatusWatch;
  readonly retained: RetainedKeys;
  /** How long a resolver that vanished without a goodbye may go on answering: it may be cut off, and not dead. */
  readonly cutOffMs: number;
  /** Hears of the objectives whose keys left, and how many of those keys a resolver that is cut off may still give. */
  readonly onReleased: (objectives: readonly string[], abandoned: number) => void;
  /** How often it is looked whether a key's time has come; 250 by default. */
  readonly everyMs?: number;
  readonly signal: AbortSignal;
};

const dayMs = 24 * 3600 * 1000;

/** Lets old routes go once no resolver, alive or cut off for a while, answers with their keys any more. */
export function releaseOldRoutes(deps: ContractDeps): void {
  const { statuses, retained, cutOffMs, onReleased, everyMs = 250, signal } = deps;
  const look = () => {
    // Who is alive is not known: everybody may be.
    if (retained.all().size === 0 || statuses.current() === null) return;
    const resolvers = countedResolvers(statuses.remembered(cutOffMs));
    const { objectives, abandoned } = retained.release(resolvers, countedResolvers(statuses.remembered(dayMs)));
    if (objectives.length > 0) onReleased(objectives, abandoned);
  };
  const timer = setInterval(look, everyMs);
  timer.unref();
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}
