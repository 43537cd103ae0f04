import { hasMovedOn } from "../../rollout/contract.ts";
import type { ProcessStatus } from "../../rollout/process-status.ts";
import type { ObjectiveRoutes, VersionRoute } from "../routing/routing-table.ts";

/**
 * A routing key of a former form of an objective that a resolver or its client may still use: the newest form has it no more, or
 * lets answers live for a shorter time, and may soon be without it.
 */
export type RetainedKey = {
  readonly route: VersionRoute;
  /** The store revision of the form that came after the last one like that. */
  readonly next: number;
  /** How long clients may reuse an answer with this key. */
  readonly ttlMs: number;
};

/** Old routes stay until every resolver has moved on, and its answers have run out. */
export type RetainedKeys = {
  /** The objective is served in another form from this store revision on; null is not at all. */
  change(objective: string, before: Form | null, after: Form | null, revision: number): void;
  /** The routes to serve besides those of the newest form, without copies to shadows. */
  of(objective: string): readonly VersionRoute[];
  /** How many routes that are, of all objectives. */
  count(): number;
  /**
   * Lets go of what none of these resolvers uses any more; gives the objectives whose keys left, and how many keys a resolver
   * of `everyone` may still answer with.
   */
  release(resolvers: readonly ProcessStatus[], everyone?: readonly ProcessStatus[]): Released;
  /** All of them, to be written down; {@link RetainedKeys.restore} takes them in again. */
  all(): ReadonlyMap<string, readonly RetainedKey[]>;
  restore(keys: ReadonlyMap<string, readonly RetainedKey[]>): void;
};

export type Released = { readonly objectives: readonly string[]; readonly abandoned: number };

/** A form of an objective that was served, and how long clients may reuse answers from it. */
export type Form = { readonly routes: ObjectiveRoutes; readonly ttlMs: number };

type Entry = RetainedKey & {
  /** The newest form has the key too. */
  isNewest: boolean;
  /** Null as long as a resolver may answer with it. */
  leavesAtMs: number | null;
};

/**
 * `graceMs`: what is added to the longest answer's time to live, for requests under way. `now`: milliseconds of a clock that
 * never jumps.
 */
export function createRetainedKeys(deps: { readonly graceMs: number; readonly now: () => number }): RetainedKeys {
  const { graceMs, now } = deps;
  const objectives = new Map<string, Map<string, Entry>>();

  const isDue = (objective: string, entry: Entry, resolvers: readonly ProcessStatus[]) => {
    // One that starts from what it wrote down may be behind all others: its last answer counts then.
    if (!hasMovedOn(resolvers, objective, entry.next)) entry.leavesAtMs = null;
    else entry.leavesAtMs ??= now() + entry.ttlMs + graceMs;
    return entry.leavesAtMs !== null && now() >= entry.leavesAtMs;
  };

  const besides = (objective: string) =>
    [...(objectives.get(objective)?.values() ?? [])].filter(({ isNewest }) => !isNewest);

  return {
    change: (objective, before, after, revision) => {
      const kept = objectives.get(objective) ?? new Map<string, Entry>();
      const present = new Set(after?.routes.versions.map(({ routingKey }) => routingKey));
      const outlives = (key: string, ttlMs: number) => !after || !present.has(key) || ttlMs > after.ttlMs;
      for (const route of before?.routes.versions ?? []) {
        const key = route.routingKey;
        if (!before || !outlives(key, before.ttlMs)) continue;
        const ttlMs = Math.max(before.ttlMs, kept.get(key)?.ttlMs ?? 0);
        kept.set(key, { route: { ...route, shadows: [] }, next: revision, ttlMs, isNewest: false, leavesAtMs: null });
      }
      for (const [key, entry] of kept) {
        entry.isNewest = present.has(key);
        if (!outlives(key, entry.ttlMs)) kept.delete(key);
      }
      if (kept.size > 0) objectives.set(objective, kept);
      else objectives.delete(objective);
    },
    of: (objective) => besides(objective).map(({ route }) => route),
    count: () => [...objectives.keys()].reduce((sum, objective) => sum + besides(objective).length, 0),
    release: (resolvers, everyone = resolvers) => {
      const changed = new Set<string>();
      let abandoned = 0;
      for (const [objective, kept] of objectives) {
        for (const [key, entry] of kept) {
          if (!isDue(objective, entry, resolvers)) continue;
          kept.delete(key);
          if (entry.isNewest) continue;
          changed.add(objective);
          if (!hasMovedOn(everyone, objective, entry.next)) abandoned++;
        }
        if (kept.size === 0) objectives.delete(objective);
      }
      return { objectives: [...changed], abandoned };
    },
    all: () =>
      new Map(
        [...objectives].map(([objective, kept]) => [
          objective,
          [...kept.values()].map(({ route, next, ttlMs }) => ({ route, next, ttlMs })),
        ]),
      ),
    restore: (keys) => {
      for (const [objective, kept] of keys) {
        const entries = kept.map((each): [string, Entry] => {
          return [each.route.routingKey, { ...each, isNewest: false, leavesAtMs: null }];
        });
        objectives.set(objective, new Map(entries));
      }
    },
  };
}

/** The routes of an objective with those that are kept for its former forms. */
export function withRetained(routes: ObjectiveRoutes, kept: readonly VersionRoute[]): ObjectiveRoutes {
  if (kept.length === 0) return routes;
  const own = new Set(routes.versions.map(({ routingKey }) => routingKey));
  const versions = [...routes.versions, ...kept.filter(({ routingKey }) => !own.has(routingKey))];
  return { ...routes, versions: versions.sort((a, b) => (a.routingKey < b.routingKey ? -1 : 1)) };
}

/** The routes of an objective that is deleted: the former ones only. */
export function onlyRetained(routes: ObjectiveRoutes, kept: readonly VersionRoute[]): ObjectiveRoutes {
  const fallback = kept.find(({ routingKey }) => routingKey === routes.fallback?.routingKey) ?? null;
  return { ...routes, versions: [...kept].sort((a, b) => (a.routingKey < b.routingKey ? -1 : 1)), fallback };
}
