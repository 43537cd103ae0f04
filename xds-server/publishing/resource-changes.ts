import { setImmediate as yieldToOthers } from "node:timers/promises";
import { affectedObjectives } from "../../config/dependencies.ts";
import type { LiveDocuments, Rejection } from "../../config/live-documents.ts";
import type { ResourceChange } from "../protocol/snapshot.ts";
import { objectiveResources, shardResources } from "../resources/build.ts";
import type { Resource } from "../resources/resource.ts";
import { clustersOf } from "../routing/clusters-of.ts";
import { routeObjective } from "../routing/route-objective.ts";
import type { Validate } from "../validation/validator.ts";
import { problemsOf, type ResourceProblem, rejectionOf } from "./refusal.ts";

export type ResourceChangesDeps = {
  readonly validate: Validate;
  readonly now: () => Date;
  /** Hears of a document once for each time that it is refused. */
  readonly onRefused?: (rejection: Rejection) => void;
  /** Milliseconds of work after which others get a turn of the event loop; 10 by default. */
  readonly sliceMs?: number;
};

export type ResourceChanges = {
  /**
   * What has to change in Envoy when `live` follows the documents of the call before; the first call gives everything.
   * Costs what changed. A document whose resources Envoy would refuse changes nothing: its last good ones stay, and
   * `refusals` says why. Not to be called again before it has resolved.
   */
  update(live: LiveDocuments): Promise<ResourceChange[]>;
  /** The documents refused at present. */
  refusals(): Rejection[];
};

type ResourceName = Pick<Resource, "typeUrl" | "name">;

/** Follows the documents and tells what it means for Envoy. Holds what is published at present. */
export function createResourceChanges(deps: ResourceChangesDeps): ResourceChanges {
  const { validate, now, onRefused, sliceMs = 10 } = deps;
  /** Shards with resources in Envoy; also those that are gone but still routed to by an objective held back. */
  const clusters = new Map<string, readonly ResourceName[]>();
  /** Objectives with resources in Envoy, and the clusters that those use. */
  const routed = new Map<string, { readonly used: ReadonlySet<string>; readonly names: readonly ResourceName[] }>();
  const refusals = new Map<string, Rejection>();
  let before: LiveDocuments | null = null;

  const noteRefusal = (
    what: string,
    live: Parameters<typeof rejectionOf>[0],
    problems: readonly ResourceProblem[],
  ): ResourceChange[] => {
    const rejection = rejectionOf(live, problems, now());
    refusals.set(what, rejection);
    onRefused?.(rejection);
    return [];
  };

  const updateShard = (live: LiveDocuments, name: string): ResourceChange[] => {
    const shard = live.shards.get(name);
    refusals.delete(`shard ${name}`);
    if (!shard) return [];
    const resources = shardResources({ name, spec: shard.document.spec });
    const problems = problemsOf(resources, validate);
    if (problems.length > 0) return noteRefusal(`shard ${name}`, shard, problems);
    const changes = replace(clusters.get(name) ?? [], resources);
    clusters.set(name, namesOf(resources));
    return changes;
  };

  const updateObjective = (live: LiveDocuments, name: string): ResourceChange[] => {
    const objective = live.objectives.get(name);
    refusals.delete(`objective ${name}`);
    const old = routed.get(name);
    if (!objective) {
      routed.delete(name);
      return replace(old?.names ?? [], []);
    }
    const refuse = (problems: readonly ResourceProblem[]) => noteRefusal(`objective ${name}`, objective, problems);
    try {
      const routes = routeObjective(live, name);
      const used = clustersOf(routes);
      const missing = [...used].filter((cluster) => !clusters.has(cluster));
      if (missing.length > 0) return refuse(missing.map(waitsFor));
      const resources = objectiveResources(routes);
      const problems = problemsOf(resources, validate);
      if (problems.length > 0) return refuse(problems);
      routed.set(name, { used, names: namesOf(resources) });
      return replace(old?.names ?? [], resources);
    } catch (error) {
      return refuse([{ path: "", message: `cannot be routed: ${error instanceof Error ? error.message : error}` }]);
    }
  };

  /** Shards that are gone go from Envoy, unless an objective that is held back still routes to them. */
  const removeClusters = (live: LiveDocuments): ResourceChange[] => {
    const gone = [...clusters].filter(([name]) => !live.shards.has(name));
    if (gone.length === 0) return [];
    const used = new Set([...routed.values()].flatMap((routes) => [...routes.used]));
    return gone.flatMap(([name, names]) => {
      if (used.has(name)) return [];
      clusters.delete(name);
      return replace(names, []);
    });
  };

  return {
    update: async (live) => {
      const changes: ResourceChange[] = [];
      const slice = createSlice(sliceMs);
      for (const name of changedShards(before, live)) {
        changes.push(...updateShard(live, name));
        await slice();
      }
      const objectives = before ? affectedObjectives(before, live) : live.objectives.keys();
      for (const name of objectives) {
        changes.push(...updateObjective(live, name));
        await slice();
      }
      changes.push(...removeClusters(live));
      before = live;
      return changes;
    },
    refusals: () => [...refusals.values()],
  };
}

function waitsFor(cluster: string): ResourceProblem {
  return { path: "", message: `waits for shard ${cluster}, which was refused and has no earlier good revision` };
}

/** Sets the resources, and removes those that were there before and are not among them. */
function replace(before: readonly ResourceName[], resources: readonly Resource[]): ResourceChange[] {
  const isKept = (old: ResourceName) =>
    resources.some(({ typeUrl, name }) => typeUrl === old.typeUrl && name === old.name);
  return [
    ...resources.map((each) => ({ typeUrl: each.typeUrl, name: each.name, resource: each.encode() })),
    ...before.flatMap((old) => (isKept(old) ? [] : [{ ...old, resource: null }])),
  ];
}

function namesOf(resources: readonly Resource[]): ResourceName[] {
  return resources.map(({ typeUrl, name }) => ({ typeUrl, name }));
}

function changedShards(before: LiveDocuments | null, live: LiveDocuments): string[] {
  if (!before) return [...live.shards.keys()];
  const changed = [...live.shards].flatMap(([name, shard]) => (before.shards.get(name) === shard ? [] : [name]));
  return [...changed, ...[...before.shards.keys()].filter((name) => !live.shards.has(name))];
}

/** A function that lets others have the event loop once `sliceMs` are used up. */
function createSlice(sliceMs: number): () => Promise<void> {
  let startedAt = performance.now();
  return async () => {
    if (performance.now() - startedAt < sliceMs) return;
    await yieldToOthers();
    startedAt = performance.now();
  };
}
