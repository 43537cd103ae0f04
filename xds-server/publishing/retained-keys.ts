import { hasMovedOn } from "../../rollout/contract.ts";
import type { ProcessStatus } from "../../rollout/process-status.ts";
import type { ObjectiveRoutes, VersionRoute } from "../routing/routing-table.ts";

/** A routing key that the newest form of its objective has no more, and a resolver or its client may still use. */
export type RetainedKey = {
  readonly route: VersionRoute;
  /** The store revision of the form that came without the key. */
  readonly next: number;
  /** How long clients may reuse an answer with this key. */
  readonly ttlMs: number;
};

/** Old routes stay until every resolver has moved on, and its answers have run out. */
export type RetainedKeys = {
  /** The objective is served in another form from this store revision on; null is not at all. */
  change(objective: string, before: Form | null, after: ObjectiveRoutes | null, revision: number): void;
  /** The routes to serve besides those of the newest form, without copies to shadows. */
  of(objective: string): readonly VersionRoute[];
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

type Entry = RetainedKey & { leavesAtMs: number | null };

/**
 * `graceMs`: what is added to the longest answer's time to live, for requests under way. `now`: milliseconds of a clock that
 * never jumps.
 */
export function createRetainedKeys(deps: { readonly graceMs: number; readonly now: () => number }): RetainedKeys {
  const { graceMs, now } = deps;
  const objectives = new Map<string, Map<string, Entry>>();

  const isDue = (objective: string, entry: Entry, resolvers: readonly ProcessStatus[]) => {
    if (!hasMovedOn(resolvers, objective, entry.next)) return false;
    entry.leavesAtMs ??= now() + entry.ttlMs + graceMs;
    return now() >= entry.leavesAtMs;
  };

  return {
    change: (objective, before, after, revision) => {
      const kept = objectives.get(objective) ?? new Map<string, Entry>();
      const present = new Set(after?.versions.map(({ routingKey }) => routingKey));
      for (const key of kept.keys()) if (present.has(key)) kept.delete(key);
      for (const route of before?.routes.versions ?? []) {
        if (present.has(route.routingKey) || kept.has(route.routingKey)) continue;
        const own = { route: { ...route, shadows: [] }, next: revision, ttlMs: before?.ttlMs ?? 0 };
        kept.set(route.routingKey, { ...own, leavesAtMs: null });
      }
      if (kept.size > 0) objectives.set(objective, kept);
      else objectives.delete(objective);
    },
    of: (objective) => [...(objectives.get(objective)?.values() ?? [])].map(({ route }) => route),
    release: (resolvers, everyone = resolvers) => {
      const changed: string[] = [];
      let abandoned = 0;
      for (const [objective, kept] of objectives) {
        const due = [...kept].filter(([, entry]) => isDue(objective, entry, resolvers));
        if (due.length === 0) continue;
        for (const [key, { next }] of due) {
          kept.delete(key);
          if (!hasMovedOn(everyone, objective, next)) abandoned++;
        }
        if (kept.size === 0) objectives.delete(objective);
        changed.push(objective);
      }
      return { objectives: changed, abandoned };
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
        const entries = kept.map((each) => [each.route.routingKey, { ...each, leavesAtMs: null }] as const);
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
