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

const removableShardTypes = [
  "type.googleapis.com/envoy.config.cluster.v3.Cluster",
  "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
];
const objectiveTypes = [
  "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
  "type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration",
];

/** Follows the documents and tells what it means for Envoy. Holds what is published at present. */
export function createResourceChanges(deps: ResourceChangesDeps): ResourceChanges {
  const { validate, now, onRefused, sliceMs = 10 } = deps;
  /** Shards with good resources in Envoy; also those that are gone but still routed to by an objective held back. */
  const clusters = new Set<string>();
  /** Objectives with good resources in Envoy, and the clusters that those use. */
  const routed = new Map<string, ReadonlySet<string>>();
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
    clusters.add(name);
    return replace(removableShardTypes, name, resources);
  };

  const updateObjective = (live: LiveDocuments, name: string): ResourceChange[] => {
    const objective = live.objectives.get(name);
    refusals.delete(`objective ${name}`);
    if (!objective) return routed.delete(name) ? replace(objectiveTypes, name, []) : [];
    const refuse = (problems: readonly ResourceProblem[]) => noteRefusal(`objective ${name}`, objective, problems);
    try {
      const routes = routeObjective(live, name);
      const used = clustersOf(routes);
      const missing = [...used].filter((cluster) => !clusters.has(cluster));
      if (missing.length > 0) return refuse(missing.map(waitsFor));
      const resources = objectiveResources(routes);
      const problems = problemsOf(resources, validate);
      if (problems.length > 0) return refuse(problems);
      routed.set(name, used);
      return replace(objectiveTypes, name, resources);
    } catch (error) {
      return refuse([{ path: "", message: `cannot be routed: ${error instanceof Error ? error.message : error}` }]);
    }
  };

  /** Shards that are gone go from Envoy, unless an objective that is held back still routes to them. */
  const removeClusters = (live: LiveDocuments): ResourceChange[] => {
    const gone = [...clusters].filter((name) => !live.shards.has(name));
    if (gone.length === 0) return [];
    const used = new Set([...routed.values()].flatMap((some) => [...some]));
    return gone.flatMap((name) => {
      if (used.has(name)) return [];
      clusters.delete(name);
      return replace(removableShardTypes, name, []);
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

/** Sets the resources, and removes those of the other types under the same name. */
function replace(types: readonly string[], name: string, resources: readonly Resource[]): ResourceChange[] {
  return types.map((typeUrl) => {
    const resource = resources.find((each) => each.typeUrl === typeUrl);
    return { typeUrl, name, resource: resource ? resource.encode() : null };
  });
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
