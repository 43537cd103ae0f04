import { setImmediate as yieldToOthers } from "node:timers/promises";
import type { LiveDocuments, Rejection } from "../../config/live-documents.ts";
import { affectedObjectives } from "../../config/relations/needs.ts";
import { changedKeys } from "../../config/shared-map.ts";
import type { HeldObjective } from "../../rollout/process-status.ts";
import type { ClusterAcceptance } from "../readiness/cluster-acceptance.ts";
import type { ShardReadiness } from "../readiness/shard-readiness.ts";
import { clustersOf } from "../routing/clusters-of.ts";
import { routeObjective } from "../routing/route-objective.ts";
import { noSecrets, type Secrets } from "../secrets/secret-folder.ts";
import { secretsNamedBy } from "../secrets/shard-secrets.ts";
import type { Validate } from "../validation/validator.ts";
import { restagedShards } from "./held-forms.ts";
import { createHeldObjectives } from "./held-objectives.ts";
import type { OwnedChange } from "./owned-change.ts";
import type { PinnedDocuments } from "./pinned-documents.ts";
import { createPublishedObjectives, type FormChange } from "./published-objectives.ts";
import { createPublishedShards } from "./published-shards.ts";
import { createRefusals } from "./refusal.ts";
import type { RetainedKeys } from "./retained-keys.ts";
import type { Round } from "./round.ts";
import { createShardStaging } from "./shard-staging.ts";

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

/** Follows the documents and tells what it means for Envoy. Holds what is published at present. */
export function createResourceChanges(deps: ResourceChangesDeps): ResourceChanges {
  const { validate, sliceMs = 10, retained, pinned } = deps;
  /** Shards to publish anew with the next update, those of which something became known, and objectives to look at again. */
  const dueShards = new Set<string>();
  const knownShards = new Set<string>();
  const dueObjectives = new Set<string>();
  let before: LiveDocuments | null = null;
  let forms: FormChange[] = [];

  const documentsOf: PinnedDocuments["of"] = (pin) => pinned?.of(pin);
  const refusals = createRefusals(deps);
  const held = createHeldObjectives(deps);
  const staging = createShardStaging({
    readiness: deps.readiness,
    acceptance: deps.acceptance,
    onDue: (shard) => {
      dueShards.add(shard);
      deps.onDue?.();
    },
    onKnown: (shard) => {
      knownShards.add(shard);
      deps.onDue?.();
    },
  });
  const shards = createPublishedShards({
    ...{ staging, validate, refusals, documentsOf },
    secrets: deps.secrets ?? noSecrets,
  });
  const objectives = createPublishedObjectives({
    ...{ shards, held, validate, refusals, retained, documentsOf },
    onForm: (change) => {
      forms.push(change);
    },
  });

  /** The objectives held back are served from their former documents, with the shards that those need. */
  const serveFormer = (live: LiveDocuments, round: Round): OwnedChange[] =>
    [...held.former()].flatMap(([name, documents]) => {
      if (!live.objectives.has(name)) return [];
      const lacking = [...clustersOf(routeObjective(documents, name))].filter((shard) => !shards.has(shard));
      const changes = [
        ...lacking.flatMap((shard) => shards.update(documents, shard, round)),
        ...objectives.update(documents, name, round),
      ];
      held.serveFrom(name, documents);
      return changes;
    });

  const startFormer = (live: LiveDocuments, round: Round): OwnedChange[] => {
    const starting = [...held.former()];
    const changes = serveFormer(live, round);
    // From here on the newest form is a change, which may have to wait.
    for (const [name, documents] of starting) {
      held.serveFrom(name, documents);
      changes.push(...objectives.update(live, name, { ...round, before: documents }));
    }
    return changes;
  };

  /** What changed or was deleted since the former process served it is taken for served as it was, with the shards it needs. */
  const takeServedBefore = (live: LiveDocuments, round: Round): OwnedChange[] => {
    const served = deps.takeServedBefore?.();
    if (!served) return [];
    return [...affectedObjectives(served, live)].flatMap((name) => {
      if (held.former().has(name)) return [];
      const gone = [...objectives.take(served, name)].filter((shard) => !shards.has(shard) && !live.shards.has(shard));
      return gone.flatMap((shard) => shards.update(served, shard, round));
    });
  };

  const objectivesToUpdate = (live: LiveDocuments, round: Round, isRepinned: boolean): Set<string> => {
    if (!round.before) return new Set([...live.objectives.keys(), ...objectives.names()]);
    return new Set([
      ...affectedObjectives(round.before, live),
      ...(isRepinned ? objectives.repinned(live) : []),
      ...dueObjectives,
      ...held.waitingFor(round.knownShards),
    ]);
  };

  return {
    update: async (live) => {
      const changes: OwnedChange[] = [];
      const isRepinned = (await pinned?.prepare(live, before)) ?? false;
      const slice = createSlice(sliceMs);
      // More may become due while this one is under way.
      const round: Round = {
        before,
        dueShards: new Set(dueShards),
        knownShards: new Set([...dueShards, ...knownShards]),
      };
      dueShards.clear();
      knownShards.clear();
      const waiting = shards.waiting();
      const changed = new Set([
        ...changedShards(before, live),
        ...restagedShards(before, live),
        ...round.dueShards,
        ...[...round.knownShards].filter((name) => waiting.has(name)),
      ]);
      for (const name of changed) {
        changes.push(...shards.update(live, name, round));
        await slice();
      }
      if (!before) changes.push(...takeServedBefore(live, round));
      const names = objectivesToUpdate(live, round, isRepinned);
      const former = new Set(before ? [] : held.former().keys());
      if (!before) changes.push(...startFormer(live, round));
      for (const name of names) {
        dueObjectives.delete(name);
        if (!former.has(name)) changes.push(...objectives.update(live, name, round));
        await slice();
      }
      if (!before) objectives.endTaken();
      changes.push(...shards.removeUnused(live, (name) => objectives.usersOf(name).length > 0));
      staging.keepOnly(new Set([...shards.waiting(), ...held.shardsWaitedFor()]));
      before = live;
      return changes;
    },
    startFrom: (former) => {
      for (const [name, documents] of former) held.serveFrom(name, documents);
    },
    former: held.former,
    shardChanged: (name) => {
      knownShards.add(name);
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
    refusals: refusals.all,
    held: held.all,
    usersOf: objectives.usersOf,
    takeForms: () => {
      const taken = forms;
      forms = [];
      return taken;
    },
  };
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
