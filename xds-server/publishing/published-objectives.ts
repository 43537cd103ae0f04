import type { LiveDocuments } from "../../config/live-documents.ts";
import { groupPinsOn } from "../../config/pins.ts";
import { objectiveResources } from "../resources/build.ts";
import { clustersOf } from "../routing/clusters-of.ts";
import { routeObjective } from "../routing/route-objective.ts";
import type { VersionRoute } from "../routing/routing-table.ts";
import type { Validate } from "../validation/validator.ts";
import { objectiveScopes, type Scopes } from "./held-forms.ts";
import type { HeldObjectives } from "./held-objectives.ts";
import { type OwnedChange, ownerOf, withScope } from "./owned-change.ts";
import type { PinnedDocuments } from "./pinned-documents.ts";
import { type NewForm, namesOf, type PublishedForm, publishedForm, replace, replaceForms } from "./published-form.ts";
import type { PublishedShards } from "./published-shards.ts";
import { problemsOf, type Refusals, type ResourceProblem } from "./refusal.ts";
import { type Form, onlyRetained, type RetainedKeys, withRetained } from "./retained-keys.ts";
import type { Round } from "./round.ts";
import { createServedObjectives } from "./served-objectives.ts";

/** An objective that is served in a new form. */
export type FormChange = {
  readonly objective: string;
  /** The store revision of the documents that the form was made from; null when the objective is gone. */
  readonly revision: number | null;
  /** The store revision up to which the form before was the newest. */
  readonly previousRevision: number;
  /** It was not served before: unless it is lazy, Envoy asks for its routes as soon as it knows its scope. */
  readonly isNew: boolean;
  /** Its routes come to an Envoy with its first request, whenever that is. */
  readonly isLazy: boolean;
};

export type PublishedObjectivesDeps = {
  readonly shards: PublishedShards;
  readonly held: HeldObjectives;
  readonly validate: Validate;
  readonly refusals: Refusals;
  readonly retained: RetainedKeys | undefined;
  readonly documentsOf: PinnedDocuments["of"];
  readonly onForm: (change: FormChange) => void;
};

/** The objectives with resources in Envoy. */
export type PublishedObjectives = {
  /** Publishes an objective as it is in these documents, if it can be now; otherwise holds it back. */
  update(live: LiveDocuments, name: string, round: Round): OwnedChange[];
  /** Takes an objective for published as it is in these documents; gives the shards that it routes to. */
  take(documents: LiveDocuments, name: string): ReadonlySet<string>;
  /** What was only taken for published is so no more. */
  endTaken(): void;
  names(): string[];
  /** Those that have other forms now, or for others, because pins came, went or moved on. */
  repinned(live: LiveDocuments): string[];
  /** The objectives whose routes lead to a shard. */
  usersOf(shard: string): string[];
};

/** What is published of an objective; its document may be gone, and its former routes still be there. */
type ServedObjective = Form &
  PublishedForm & {
    /** The forms that pins hold. */
    readonly held: readonly PublishedForm[];
    readonly isDeleted: boolean;
  };

export function createPublishedObjectives(deps: PublishedObjectivesDeps): PublishedObjectives {
  const { shards, held: holds, validate, refusals, retained, documentsOf, onForm } = deps;
  const routed = createServedObjectives<ServedObjective>(shardsUsed);

  /** Who gets which form of an objective, as far as the shards of the held ones are there, or can be brought back. */
  const scopesOf = (live: LiveDocuments, name: string, revision: number, round: Round) => {
    const changes: OwnedChange[] = [];
    const scopes = objectiveScopes(live, name, revision, (pin) => {
      const documents = documentsOf(pin);
      if (!documents?.objectives.has(name)) return undefined;
      const used = [...clustersOf(routeObjective(documents, name))];
      for (const shard of used) if (!shards.has(shard)) changes.push(...shards.update(documents, shard, round));
      return used.every(shards.has) ? documents : undefined;
    });
    return { scopes, changes };
  };

  /** After a restart the shard of an old route may be gone for good: its key is as good as unknown. */
  const keptOf = (name: string) =>
    (retained?.of(name) ?? []).filter((route) => route.shards.every(({ cluster }) => shards.has(cluster)));

  /** The former forms that pins hold; each knows every key of the newest, which some resolver may answer with. */
  const heldForms = (name: string, { held }: Scopes, versions: readonly VersionRoute[]): NewForm[] =>
    held.flatMap(({ scope, documents }) => {
      const document = documents.objectives.get(name)?.document;
      if (!document) return [];
      const routes = withRetained(routeObjective(documents, name), versions);
      const owner = ownerOf("objective", name, document, clustersOf(routes), scope);
      return [{ owner, resources: objectiveResources(routes) }];
    });

  const remove = (live: LiveDocuments, name: string, round: Round): OwnedChange[] => {
    const old = routed.get(name);
    holds.end(name);
    if (!old) return [];
    if (!old.isDeleted) {
      retained?.change(name, old, null, live.revision);
      onForm({
        objective: name,
        revision: null,
        previousRevision: round.before?.revision ?? 0,
        isNew: false,
        isLazy: false,
      });
    }
    const kept = keptOf(name);
    const { scopes, changes } = scopesOf(live, name, live.revision, round);
    const held = heldForms(name, scopes, kept);
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

  const update = (live: LiveDocuments, name: string, round: Round): OwnedChange[] => {
    const objective = live.objectives.get(name);
    refusals.end(`objective ${name}`);
    if (!objective) return remove(live, name, round);
    const old = routed.get(name);
    const refuse = (problems: readonly ResourceProblem[]): OwnedChange[] => {
      holds.hold(name, live.revision, problems[0]?.message ?? "refused", round.before);
      refusals.note(`objective ${name}`, objective, problems);
      return [];
    };
    try {
      const newest = routeObjective(live, name);
      const wait = shards.waitFor(live, clustersOf(newest), old?.owner.uses, round);
      if (wait) {
        holds.hold(name, live.revision, wait.reason, round.before, wait);
        return [];
      }
      const missing = [...clustersOf(newest)].filter((cluster) => !shards.has(cluster));
      if (missing.length > 0) return refuse(missing.map(waitsFor));
      const own = objectiveResources(newest);
      const problems = problemsOf(own, validate);
      if (problems.length > 0) return refuse(problems);
      const { ttlMs } = objective.document.spec.policy;
      retained?.change(name, old && !old.isDeleted ? old : null, { routes: newest, ttlMs }, live.revision);
      const routes = withRetained(newest, keptOf(name));
      const resources = routes === newest ? own : objectiveResources(routes);
      const { scopes, changes } = scopesOf(live, name, newest.revision, round);
      const held = heldForms(name, scopes, routes.versions);
      const owner = ownerOf("objective", name, objective.document, clustersOf(routes), scopes.newest);
      const forms = { owner, names: namesOf(resources), held: held.map(publishedForm) };
      routed.set(name, { ...forms, routes: newest, ttlMs, isDeleted: false });
      holds.end(name);
      const previousRevision = round.before?.revision ?? 0;
      const { isLazy } = newest;
      onForm({ objective: name, revision: live.revision, previousRevision, isNew: old === undefined, isLazy });
      return [...changes, ...replaceForms(old?.held ?? [], held), ...replace(owner, old?.names ?? [], resources)];
    } catch (error) {
      return refuse([{ path: "", message: `cannot be routed: ${error instanceof Error ? error.message : error}` }]);
    }
  };

  return {
    update,
    take: (documents, name) => {
      const document = documents.objectives.get(name)?.document;
      if (!document) return new Set();
      const routes = routeObjective(documents, name);
      const owner = ownerOf("objective", name, document, clustersOf(routes), undefined);
      const { ttlMs } = document.spec.policy;
      routed.set(name, { owner, names: [], held: [], routes, ttlMs, isDeleted: false });
      return owner.uses;
    },
    endTaken: () => {
      for (const [name, { names, held }] of routed.entries()) {
        if (names.length + held.length === 0) routed.set(name, undefined);
      }
    },
    names: () => [...routed.entries()].map(([name]) => name),
    repinned: (live) =>
      [...routed.entries()].flatMap(([name, { held, routes }]) =>
        held.length > 0 || groupPinsOn(live, name, routes.revision).length > 0 ? [name] : [],
      ),
    usersOf: routed.usersOf,
  };
}

/** The shards that any form of an objective routes to. */
function shardsUsed({ owner, held }: ServedObjective): string[] {
  return [owner, ...held.map((form) => form.owner)].flatMap(({ uses }) => [...uses]);
}

function waitsFor(cluster: string): ResourceProblem {
  return { path: "", message: `waits for shard ${cluster}, which was refused and has no earlier good revision` };
}
