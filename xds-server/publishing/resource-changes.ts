import { setImmediate as yieldToOthers } from "node:timers/promises";
import type { Objective } from "../../config/documents/objective.ts";
import type { Shard } from "../../config/documents/shard.ts";
import type { LiveDocuments, Rejection } from "../../config/live-documents.ts";
import { groupPinsOn } from "../../config/pins.ts";
import { affectedObjectives } from "../../config/relations/needs.ts";
import { changedKeys } from "../../config/shared-map.ts";
import type { HeldObjective } from "../../rollout/process-status.ts";
import type { ClusterAcceptance } from "../readiness/cluster-acceptance.ts";
import type { ShardReadiness } from "../readiness/shard-readiness.ts";
import { objectiveResources, shardResources } from "../resources/build.ts";
import { clustersOf } from "../routing/clusters-of.ts";
import { routeObjective } from "../routing/route-objective.ts";
import type { VersionRoute } from "../routing/routing-table.ts";
import { noSecrets, type Secrets } from "../secrets/secret-folder.ts";
import { findShardSecrets, secretsNamedBy } from "../secrets/shard-secrets.ts";
import type { Validate } from "../validation/validator.ts";
import { type HeldForm, objectiveScopes, restagedShards, type Scopes, shardScopes } from "./held-forms.ts";
import type { OwnedChange, Owner, Scope } from "./owned-change.ts";
import type { PinnedDocuments } from "./pinned-documents.ts";
import { type NewForm, namesOf, type PublishedForm, publishedForm, replace, replaceForms } from "./published-form.ts";
import { problemsOf, type ResourceProblem, rejectionOf } from "./refusal.ts";
import { type Form, onlyRetained, type RetainedKeys, withRetained } from "./retained-keys.ts";
import { createServedObjectives } from "./served-objectives.ts";

export type ResourceChangesDeps = {
  readonly validate: Validate;
  readonly now: () => Date;
  /** Hears of a document once for each time that it is refused. */
  readonly onRefused?: (rejection: Rejection) => void;
  /** Milliseconds of work after which others get a turn of the event loop; 10 by default. */
  readonly sliceMs?: number;
  /** Where routes are kept that resolvers may still lead to; old ones leave at once when absent. */
  readonly retained?: RetainedKeys;
  /** Whether shards that are new to an objective can serve; when absent, all can. */
  readonly readiness?: ShardReadiness;
  /** At which documents pins hold groups of Envoys; none are held when absent. */
  readonly pinned?: Pick<PinnedDocuments, "prepare" | "of">;
  /** Whether the Envoys have taken clusters that are new to an objective; when absent, they take all. */
  readonly acceptance?: Pick<ClusterAcceptance, "added" | "obstacle" | "keepOnly">;
  /** The secrets that shards name; none when absent. */
  readonly secrets?: Pick<Secrets, "get">;
  /** Called when `update` is worth a call though no document changed: a shard is ready. */
  readonly onDue?: () => void;
  /**
   * The documents that the former process served last; null when there was none. Asked once, at the first `update`: what
   * changed since then is a change, whose old routes are kept.
   */
  readonly takeServedBefore?: () => LiveDocuments | null;
};

export type ResourceChanges = {
  /**
   * What has to change in Envoy when `live` follows the documents of the call before; the first call gives everything.
   * Costs what changed. A document whose resources Envoy would refuse changes nothing: its last good ones stay, and
   * `refusals` says why. Not to be called again before it has resolved.
   */
  update(live: LiveDocuments): Promise<OwnedChange[]>;
  /**
   * Begins with objectives that are held back on former documents, before the first `update`.
   */
  startFrom(former: ReadonlyMap<string, LiveDocuments>): void;
  /** The documents from which the objectives that are held back are served. */
  former(): ReadonlyMap<string, LiveDocuments>;
  /** Something became known of a shard: the next `update` looks again at what waits for it. */
  shardChanged(name: string): void;
  /** These secrets (`<namespace>/<name>`) are new or have another content: the next `update` takes them. */
  secretsChanged(names: ReadonlySet<string>): void;
  /** Routes of these objectives left what is retained; the next `update` takes them away. */
  objectivesChanged(names: Iterable<string>): void;
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
  /** It was not served before, and Envoy asks for its routes as soon as it knows its scope. */
  readonly isNew: boolean;
};

/** What is published of a shard: its newest form, and those that pins hold. */
type ServedShard = PublishedForm & {
  readonly held: readonly PublishedForm[];
  readonly spec: Shard["spec"];
  /** Since when Envoy checks the health of its hosts, as `performance.now()`; null while it does not yet. */
  readonly checkedSinceMs: number | null;
};

/** What is published of an objective likewise; its document may be gone, and its former routes still be there. */
type ServedObjective = Form &
  PublishedForm & {
    readonly held: readonly PublishedForm[];
    readonly isDeleted: boolean;
  };

/** What an objective waits for. */
type Wait = { readonly shards: readonly string[]; readonly reason: string };

/** How long a new cluster has to become known to the Envoys, without its hosts' health being checked. */
const checksAfterMs = 300;
/** How long the first round of health checks is given before a shard gets requests of which some hosts are not ready. */
const firstChecksMs = 500;

/** Follows the documents and tells what it means for Envoy. Holds what is published at present. */
export function createResourceChanges(deps: ResourceChangesDeps): ResourceChanges {
  const { validate, now, onRefused, sliceMs = 10, retained, readiness, acceptance, onDue, pinned } = deps;
  /** Shards with resources in Envoy; also those that are gone but still routed to by an objective held back. */
  const clusters = new Map<string, ServedShard>();
  /** Objectives with resources in Envoy. */
  const routed = createServedObjectives<ServedObjective>(shardsUsed);
  const refusals = new Map<string, Rejection>();
  const held = new Map<string, HeldObjective>();
  const formerly = new Map<string, LiveDocuments>();
  /** What shards wait for whose newest revision is not in Envoy yet. */
  const heldShards = new Map<string, string>();
  const waits = new Map<string, Wait>();
  /** Shards to look at again: with the next update, and with the one under way. */
  const dueShards = new Set<string>();
  let dueNow: ReadonlySet<string> = new Set();
  const dueObjectives = new Set<string>();
  let before: LiveDocuments | null = null;
  let forms: FormChange[] = [];

  /** The objective stays as it is served; what it is held back for may change, not since when and on what. */
  const hold = (objective: string, revision: number, reason: string): OwnedChange[] => {
    const earlier = held.get(objective);
    if (!earlier && before) formerly.set(objective, before);
    const since = earlier?.since ?? now().toISOString();
    const activeRevision = earlier?.activeRevision ?? formerly.get(objective)?.revision ?? 0;
    held.set(objective, { objective, revision, activeRevision, reason, since });
    return [];
  };

  const endHold = (objective: string) => {
    held.delete(objective);
    formerly.delete(objective);
    waits.delete(objective);
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

  const later = (name: string, delayMs: number) => {
    const timer = setTimeout(() => {
      dueShards.add(name);
      onDue?.();
    }, delayMs);
    timer.unref();
  };

  /** Why the newest revision of a shard has to wait; null when it need not. */
  const shardObstacle = (name: string, spec: Shard["spec"]): string | null => {
    const old = clusters.get(name);
    if (!readiness || !before) return null;
    const { some, reason } = readiness.of(name, spec);
    if (some) return null;
    // Envoy finds hosts by DNS before it takes a cluster as ready, and the others of the same commit wait with it.
    const isNecessary = old ? hasOnlyNewHosts(old.spec, spec) : spec.dns !== undefined;
    return isNecessary ? `shard ${name} has no ready host: ${reason}` : null;
  };

  const updateShard = (live: LiveDocuments, name: string): OwnedChange[] => {
    const shard = live.shards.get(name);
    refusals.delete(`shard ${name}`);
    heldShards.delete(name);
    if (!shard) return [];
    const { spec } = shard.document;
    const old = clusters.get(name);
    // Known to Envoy first, checked later: the first round of checks would hold up every other change.
    const checkedSinceMs = checksOf(old, spec);
    const { secrets, missing } = findShardSecrets(deps.secrets ?? noSecrets, shard.document.metadata.namespace, spec);
    const resources = shardResources({ name, spec, secrets, isUnchecked: checkedSinceMs === null });
    const problems = problemsOf(resources, validate);
    if (problems.length > 0) return noteRefusal(`shard ${name}`, shard, problems);
    if (missing.length > 0) noteRefusal(`shard ${name}`, shard, missing.map(missingSecret));
    // At the start the shard was in use already: Envoys that were given the secret go on with it.
    const obstacle = (before && missing[0]) ?? shardObstacle(name, spec);
    if (obstacle !== null) {
      heldShards.set(name, obstacle);
      return [];
    }
    const scopes = shardScopes(live, name, documentsOf);
    const owner = ownerOf("shard", name, shard.document, noShards, scopes.newest);
    const held = scopes.held.flatMap((form) => heldShard(name, form, checkedSinceMs === null));
    const changes = [...replaceForms(old?.held ?? [], held), ...replace(owner, old?.names ?? [], resources)];
    clusters.set(name, { owner, names: namesOf(resources), held: held.map(publishedForm), spec, checkedSinceMs });
    if (!old) acceptance?.added(name);
    if (!old && checkedSinceMs === null) later(name, checksAfterMs);
    if (old && old.checkedSinceMs === null && checkedSinceMs !== null) later(name, firstChecksMs);
    return changes;
  };

  const documentsOf: PinnedDocuments["of"] = (pin) => pinned?.of(pin);

  const heldShard = (name: string, { scope, documents }: HeldForm, isUnchecked: boolean): NewForm[] => {
    const document = documents.shards.get(name)?.document;
    if (!document) return [];
    const { spec, metadata } = document;
    const { secrets } = findShardSecrets(deps.secrets ?? noSecrets, metadata.namespace, spec);
    const owner = ownerOf("shard", name, document, noShards, scope);
    return [{ owner, resources: shardResources({ name, spec, secrets, isUnchecked }) }];
  };

  /** Who gets which form of an objective, as far as the shards of the held ones are there, or can be brought back. */
  const scopesOf = (live: LiveDocuments, name: string, revision: number) => {
    const changes: OwnedChange[] = [];
    const scopes = objectiveScopes(live, name, revision, (pin) => {
      const documents = documentsOf(pin);
      if (!documents?.objectives.has(name)) return undefined;
      const used = [...clustersOf(routeObjective(documents, name))];
      for (const shard of used) if (!clusters.has(shard)) changes.push(...updateShard(documents, shard));
      return used.every((shard) => clusters.has(shard)) ? documents : undefined;
    });
    return { scopes, changes };
  };

  const checksOf = (old: ServedShard | undefined, spec: Shard["spec"]): number | null => {
    if (!readiness || !before || !spec.healthCheck || spec.dns) return 0;
    if (old?.checkedSinceMs !== null && old) return old.checkedSinceMs;
    return old && dueNow.has(old.owner.name) ? performance.now() : null;
  };

  /** What an objective waits for before it may be routed to these shards; null when it need not. */
  const waitFor = (live: LiveDocuments, used: ReadonlySet<string>, old: ServedObjective | undefined): Wait | null => {
    const shards: string[] = [];
    const reasons: string[] = [];
    for (const name of used) {
      const reason = heldShards.get(name) ?? (old?.owner.uses.has(name) ? null : newShardObstacle(live, name, old));
      if (reason === null) continue;
      shards.push(name);
      reasons.push(reason);
    }
    return shards.length === 0 ? null : { shards, reason: reasons.join("; ") };
  };

  /**
   * Requests go to a shard that is new to an objective once the Envoys have taken it, it is ready, and Envoy knows which of its
   * hosts are not.
   */
  const newShardObstacle = (live: LiveDocuments, name: string, old: ServedObjective | undefined): string | null => {
    const spec = live.shards.get(name)?.document.spec;
    if (!before || !spec) return null;
    // An objective that is new has no former routes to go on with; nobody asks for it before it is activated.
    const refusal = old && clusters.has(name) ? (acceptance?.obstacle(name) ?? null) : null;
    if (!readiness) return refusal;
    const { some, all, reason } = readiness.of(name, spec);
    if (!some) return `shard ${name} has no ready host: ${reason}`;
    if (refusal !== null) return refusal;
    const since = clusters.get(name)?.checkedSinceMs;
    const isChecked = since !== undefined && since !== null && performance.now() - since >= firstChecksMs;
    return all || isChecked || !spec.healthCheck ? null : `shard ${name} is being checked by the Envoys: ${reason}`;
  };

  /** After a restart the shard of an old route may be gone for good: its key is as good as unknown. */
  const keptOf = (name: string) =>
    (retained?.of(name) ?? []).filter(({ shards }) => shards.every(({ cluster }) => clusters.has(cluster)));

  const removeObjective = (live: LiveDocuments, name: string): OwnedChange[] => {
    const old = routed.get(name);
    endHold(name);
    if (!old) return [];
    if (!old.isDeleted) {
      retained?.change(name, old, null, live.revision);
      noteForm(name, null, false);
    }
    const kept = keptOf(name);
    const { scopes, changes } = scopesOf(live, name, live.revision);
    const held = heldObjective(name, scopes, kept);
    if (kept.length === 0 && held.length === 0) {
      routed.set(name, undefined);
      return [...replaceForms(old.held, []), ...replace(old.owner, old.names, [])];
    }
    const routes = onlyRetained(old.routes, kept);
    const { scope: _, ...unscoped } = old.owner;
    const owner = withScope({ ...unscoped, uses: clustersOf(routes) }, scopes.newest);
    const resources = kept.length === 0 ? [] : objectiveResources(routes);
    const forms = { owner, names: namesOf(resources), held: held.map(publishedForm) };
    routed.set(name, { ...old, ...forms, isDeleted: true });
    return [...changes, ...replaceForms(old.held, held), ...replace(owner, old.names, resources)];
  };

  const updateObjective = (live: LiveDocuments, name: string): OwnedChange[] => {
    const objective = live.objectives.get(name);
    refusals.delete(`objective ${name}`);
    if (!objective) return removeObjective(live, name);
    const old = routed.get(name);
    const refuse = (problems: readonly ResourceProblem[]) => {
      waits.delete(name);
      hold(name, live.revision, problems[0]?.message ?? "refused");
      return noteRefusal(`objective ${name}`, objective, problems);
    };
    try {
      const newest = routeObjective(live, name);
      const wait = waitFor(live, clustersOf(newest), old);
      if (wait) {
        waits.set(name, wait);
        return hold(name, live.revision, wait.reason);
      }
      const missing = [...clustersOf(newest)].filter((cluster) => !clusters.has(cluster));
      if (missing.length > 0) return refuse(missing.map(waitsFor));
      const own = objectiveResources(newest);
      const problems = problemsOf(own, validate);
      if (problems.length > 0) return refuse(problems);
      const { ttlMs } = objective.document.spec.policy;
      retained?.change(name, old && !old.isDeleted ? old : null, { routes: newest, ttlMs }, live.revision);
      const routes = withRetained(newest, keptOf(name));
      const resources = routes === newest ? own : objectiveResources(routes);
      const { scopes, changes } = scopesOf(live, name, newest.revision);
      const held = heldObjective(name, scopes, routes.versions);
      const owner = ownerOf("objective", name, objective.document, clustersOf(routes), scopes.newest);
      const forms = { owner, names: namesOf(resources), held: held.map(publishedForm) };
      routed.set(name, { ...forms, routes: newest, ttlMs, isDeleted: false });
      endHold(name);
      // The routes of a lazy objective come with its first request, whenever that is.
      noteForm(name, live.revision, old === undefined && !newest.isLazy);
      return [...changes, ...replaceForms(old?.held ?? [], held), ...replace(owner, old?.names ?? [], resources)];
    } catch (error) {
      return refuse([{ path: "", message: `cannot be routed: ${error instanceof Error ? error.message : error}` }]);
    }
  };

  /** The former forms that pins hold; each knows every key of the newest, which some resolver may answer with. */
  const heldObjective = (name: string, { held }: Scopes, versions: readonly VersionRoute[]): NewForm[] =>
    held.flatMap(({ scope, documents }) => {
      const document = documents.objectives.get(name)?.document;
      if (!document) return [];
      const routes = withRetained(routeObjective(documents, name), versions);
      const owner = ownerOf("objective", name, document, clustersOf(routes), scope);
      return [{ owner, resources: objectiveResources(routes) }];
    });

  /** Shards that are gone go from Envoy, unless an objective that is held back still routes to them. */
  const removeClusters = (live: LiveDocuments): OwnedChange[] =>
    [...clusters].flatMap(([name, { owner, names, held: heldShards }]) => {
      if (live.shards.has(name) || routed.usersOf(name).length > 0) return [];
      clusters.delete(name);
      return [...replaceForms(heldShards, []), ...replace(owner, names, [])];
    });

  /** The objectives held back are served from their former documents, with the shards that those need. */
  const serveFormer = (live: LiveDocuments): OwnedChange[] =>
    [...formerly].flatMap(([name, documents]) => {
      if (!live.objectives.has(name)) return [];
      const shards = [...clustersOf(routeObjective(documents, name))].filter((shard) => !clusters.has(shard));
      const changes = [
        ...shards.flatMap((shard) => updateShard(documents, shard)),
        ...updateObjective(documents, name),
      ];
      formerly.set(name, documents);
      return changes;
    });

  /** What changed or was deleted since the former process served it is taken for served as it was, with the shards it needs. */
  const takeServedBefore = (live: LiveDocuments): OwnedChange[] => {
    const served = before ? null : deps.takeServedBefore?.();
    if (!served) return [];
    return [...affectedObjectives(served, live)].flatMap((name) => {
      const objective = served.objectives.get(name);
      if (!objective || formerly.has(name)) return [];
      const routes = routeObjective(served, name);
      const owner = ownerOf("objective", name, objective.document, clustersOf(routes), undefined);
      const { ttlMs } = objective.document.spec.policy;
      routed.set(name, { owner, names: [], held: [], routes, ttlMs, isDeleted: false });
      const gone = [...owner.uses].filter((shard) => !clusters.has(shard) && !live.shards.has(shard));
      return gone.flatMap((shard) => updateShard(served, shard));
    });
  };

  /** Of what was taken for served, what was refused in its new form is not. */
  const endServedBefore = () => {
    for (const [name, { names, held }] of routed.entries()) {
      if (names.length + held.length === 0) routed.set(name, undefined);
    }
  };

  const objectivesToUpdate = (live: LiveDocuments, isRepinned: boolean): Set<string> => {
    if (!before) return new Set([...live.objectives.keys(), ...[...routed.entries()].map(([name]) => name)]);
    const due = [...dueObjectives];
    for (const [name, { shards }] of waits) if (shards.some((shard) => dueNow.has(shard))) due.push(name);
    return new Set([...affectedObjectives(before, live), ...(isRepinned ? repinned(live) : []), ...due]);
  };

  /** Those that have other forms now, or for others, because pins came, went or moved on. */
  const repinned = (live: LiveDocuments): string[] =>
    [...routed.entries()].flatMap(([name, { held: forms, routes }]) =>
      forms.length > 0 || groupPinsOn(live, name, routes.revision).length > 0 ? [name] : [],
    );

  const startFormer = (live: LiveDocuments): OwnedChange[] => {
    if (before || formerly.size === 0) return [];
    const starting = new Map(formerly);
    const changes = serveFormer(live);
    // From here on the newest form is a change, which may have to wait.
    for (const [name, documents] of starting) {
      formerly.set(name, documents);
      before = documents;
      changes.push(...updateObjective(live, name));
    }
    before = null;
    return changes;
  };

  return {
    update: async (live) => {
      const changes: OwnedChange[] = [];
      const isRepinned = (await pinned?.prepare(live, before)) ?? false;
      const slice = createSlice(sliceMs);
      // More may become due while this one is under way.
      dueNow = new Set(dueShards);
      dueShards.clear();
      for (const name of new Set([...changedShards(before, live), ...restagedShards(before, live), ...dueNow])) {
        changes.push(...updateShard(live, name));
        await slice();
      }
      changes.push(...takeServedBefore(live));
      const objectives = objectivesToUpdate(live, isRepinned);
      const former = new Set(before ? [] : formerly.keys());
      changes.push(...startFormer(live));
      for (const name of objectives) {
        dueObjectives.delete(name);
        if (!former.has(name)) changes.push(...updateObjective(live, name));
        await slice();
      }
      if (!before) endServedBefore();
      changes.push(...removeClusters(live));
      const waitedFor = new Set([...heldShards.keys(), ...[...waits.values()].flatMap(({ shards }) => shards)]);
      readiness?.keepOnly(waitedFor);
      acceptance?.keepOnly(waitedFor);
      before = live;
      return changes;
    },
    startFrom: (former) => {
      for (const [name, documents] of former) formerly.set(name, documents);
    },
    former: () => formerly,
    shardChanged: (name) => {
      dueShards.add(name);
    },
    secretsChanged: (names) => {
      for (const [name, { document }] of before?.shards ?? []) {
        const named = secretsNamedBy(document.metadata.namespace, document.spec);
        if (named.some((each) => names.has(each))) dueShards.add(name);
      }
    },
    objectivesChanged: (names) => {
      for (const name of names) dueObjectives.add(name);
    },
    refusals: () => [...refusals.values()],
    held: () => [...held.values()],
    usersOf: routed.usersOf,
    takeForms: () => {
      const taken = forms;
      forms = [];
      return taken;
    },
  };
}

/** None of the hosts that a shard had is among those that it gets, or they are spoken to in another way. */
function hasOnlyNewHosts(before: Shard["spec"], after: Shard["spec"]): boolean {
  const hostsOf = ({ protocol, endpoints, dns, tls }: Shard["spec"]) =>
    [
      ...(endpoints ?? []).map(({ address, port }) => `${address} ${port}`),
      ...(dns ? [`${dns.hostname} ${dns.port}`] : []),
    ].map((host) => `${protocol} ${tls !== undefined} ${host}`);
  const old = new Set(hostsOf(before));
  return !hostsOf(after).some((host) => old.has(host));
}

const noShards: ReadonlySet<string> = new Set();

function ownerOf(
  kind: Owner["kind"],
  name: string,
  document: Shard | Objective,
  uses: ReadonlySet<string>,
  scope: Scope | undefined,
): Owner {
  const { namespace, labels = {} } = document.metadata;
  return withScope({ kind, name, namespace, labels, uses }, scope);
}

function withScope(owner: Omit<Owner, "scope">, scope: Scope | undefined): Owner {
  return scope ? { ...owner, scope } : owner;
}

/** The shards that any form of an objective routes to. */
function shardsUsed({ owner, held }: ServedObjective): string[] {
  return [owner, ...held.map((form) => form.owner)].flatMap(({ uses }) => [...uses]);
}

function missingSecret(message: string): ResourceProblem {
  return { path: "spec.tls", message };
}

function waitsFor(cluster: string): ResourceProblem {
  return { path: "", message: `waits for shard ${cluster}, which was refused and has no earlier good revision` };
}

function changedShards(before: LiveDocuments | null, live: LiveDocuments): Iterable<string> {
  return before ? changedKeys(before.shards, live.shards) : live.shards.keys();
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
