import { setImmediate as yieldToOthers } from "node:timers/promises";
import { affectedObjectives } from "../../config/dependencies.ts";
import type { Objective } from "../../config/documents/objective.ts";
import type { Shard } from "../../config/documents/shard.ts";
import type { LiveDocuments, Rejection } from "../../config/live-documents.ts";
import type { HeldObjective } from "../../rollout/process-status.ts";
import { objectiveResources, shardResources } from "../resources/build.ts";
import type { Resource } from "../resources/resource.ts";
import { clustersOf } from "../routing/clusters-of.ts";
import { routeObjective } from "../routing/route-objective.ts";
import type { Validate } from "../validation/validator.ts";
import type { OwnedChange, Owner } from "./owned-change.ts";
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
  update(live: LiveDocuments): Promise<OwnedChange[]>;
  /** The documents refused at present. */
  refusals(): Rejection[];
  /** The objectives that are kept in a former form at present. */
  held(): readonly HeldObjective[];
  /** The objectives whose routes lead to a cluster. */
  usersOf(cluster: string): string[];
  /** The objectives that are served in another form since the last call, or no more. */
  takeForms(): readonly FormChange[];
};

/** An objective that is served in a new form. */
export type FormChange = {
  readonly objective: string;
  /** The store revision of the documents that the form was made from; null when the objective is gone. */
  readonly revision: number | null;
  /** The store revision up to which the form before was the newest. */
  readonly previousRevision: number;
  /** It was not served before. */
  readonly isNew: boolean;
};

type ResourceName = Pick<Resource, "typeUrl" | "name">;

/** What is published of one document. */
type Held = { readonly owner: Owner; readonly names: readonly ResourceName[] };

/** Follows the documents and tells what it means for Envoy. Holds what is published at present. */
export function createResourceChanges(deps: ResourceChangesDeps): ResourceChanges {
  const { validate, now, onRefused, sliceMs = 10 } = deps;
  /** Shards with resources in Envoy; also those that are gone but still routed to by an objective held back. */
  const clusters = new Map<string, Held>();
  /** Objectives with resources in Envoy. */
  const routed = new Map<string, Held>();
  const refusals = new Map<string, Rejection>();
  let before: LiveDocuments | null = null;
  let forms: FormChange[] = [];
  const held = new Map<string, HeldObjective>();

  /** The objective stays as it is served; what it is held back for may change, not since when and on what. */
  const hold = (objective: string, revision: number, reason: string): OwnedChange[] => {
    const earlier = held.get(objective);
    const since = earlier?.since ?? now().toISOString();
    const activeRevision = earlier?.activeRevision ?? before?.revision ?? 0;
    held.set(objective, { objective, revision, activeRevision, reason, since });
    return [];
  };

  const noteForm = (objective: string, revision: number | null, isNew: boolean) => {
    forms.push({ objective, revision, previousRevision: before?.revision ?? 0, isNew });
  };

  const noteRefusal = (
    what: string,
    live: Parameters<typeof rejectionOf>[0],
    problems: readonly ResourceProblem[],
  ): OwnedChange[] => {
    const rejection = rejectionOf(live, problems, now());
    refusals.set(what, rejection);
    onRefused?.(rejection);
    return [];
  };

  const updateShard = (live: LiveDocuments, name: string): OwnedChange[] => {
    const shard = live.shards.get(name);
    refusals.delete(`shard ${name}`);
    if (!shard) return [];
    const resources = shardResources({ name, spec: shard.document.spec });
    const problems = problemsOf(resources, validate);
    if (problems.length > 0) return noteRefusal(`shard ${name}`, shard, problems);
    const owner = ownerOf("shard", name, shard.document, noShards);
    const changes = replace(owner, clusters.get(name)?.names ?? [], resources);
    clusters.set(name, { owner, names: namesOf(resources) });
    return changes;
  };

  const updateObjective = (live: LiveDocuments, name: string): OwnedChange[] => {
    const objective = live.objectives.get(name);
    refusals.delete(`objective ${name}`);
    const old = routed.get(name);
    if (!objective) {
      routed.delete(name);
      held.delete(name);
      if (old) noteForm(name, null, false);
      return old ? replace(old.owner, old.names, []) : [];
    }
    const refuse = (problems: readonly ResourceProblem[]) => {
      hold(name, live.revision, problems[0]?.message ?? "refused");
      return noteRefusal(`objective ${name}`, objective, problems);
    };
    try {
      const routes = routeObjective(live, name);
      const used = clustersOf(routes);
      const missing = [...used].filter((cluster) => !clusters.has(cluster));
      if (missing.length > 0) return refuse(missing.map(waitsFor));
      const resources = objectiveResources(routes);
      const problems = problemsOf(resources, validate);
      if (problems.length > 0) return refuse(problems);
      const owner = ownerOf("objective", name, objective.document, used);
      routed.set(name, { owner, names: namesOf(resources) });
      held.delete(name);
      noteForm(name, live.revision, old === undefined);
      return replace(owner, old?.names ?? [], resources);
    } catch (error) {
      return refuse([{ path: "", message: `cannot be routed: ${error instanceof Error ? error.message : error}` }]);
    }
  };

  /** Shards that are gone go from Envoy, unless an objective that is held back still routes to them. */
  const removeClusters = (live: LiveDocuments): OwnedChange[] => {
    const gone = [...clusters].filter(([name]) => !live.shards.has(name));
    if (gone.length === 0) return [];
    const used = new Set([...routed.values()].flatMap((routes) => [...routes.owner.uses]));
    return gone.flatMap(([name, { owner, names }]) => {
      if (used.has(name)) return [];
      clusters.delete(name);
      return replace(owner, names, []);
    });
  };

  return {
    update: async (live) => {
      const changes: OwnedChange[] = [];
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
    held: () => [...held.values()],
    usersOf: (cluster) => [...routed].flatMap(([name, { owner }]) => (owner.uses.has(cluster) ? [name] : [])),
    takeForms: () => {
      const taken = forms;
      forms = [];
      return taken;
    },
  };
}

const noShards: ReadonlySet<string> = new Set();

function ownerOf(kind: Owner["kind"], name: string, document: Shard | Objective, uses: ReadonlySet<string>): Owner {
  const { namespace, labels = {} } = document.metadata;
  return { kind, name, namespace, labels, uses };
}

function waitsFor(cluster: string): ResourceProblem {
  return { path: "", message: `waits for shard ${cluster}, which was refused and has no earlier good revision` };
}

/** Sets the resources, and removes those that were there before and are not among them. */
function replace(owner: Owner, before: readonly ResourceName[], resources: readonly Resource[]): OwnedChange[] {
  const isKept = (old: ResourceName) =>
    resources.some(({ typeUrl, name }) => typeUrl === old.typeUrl && name === old.name);
  return [
    ...resources.map((each) => ({ typeUrl: each.typeUrl, name: each.name, resource: each.encode(), owner })),
    ...before.flatMap((old) => (isKept(old) ? [] : [{ ...old, resource: null, owner }])),
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
