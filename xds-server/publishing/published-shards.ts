import type { LiveDocuments } from "../../config/live-documents.ts";
import { shardResources } from "../resources/build.ts";
import type { Secrets } from "../secrets/secret-folder.ts";
import { findShardSecrets } from "../secrets/shard-secrets.ts";
import type { Validate } from "../validation/validator.ts";
import { type HeldForm, shardScopes } from "./held-forms.ts";
import type { Wait } from "./held-objectives.ts";
import { type OwnedChange, ownerOf } from "./owned-change.ts";
import type { PinnedDocuments } from "./pinned-documents.ts";
import { type NewForm, namesOf, type PublishedForm, publishedForm, replace, replaceForms } from "./published-form.ts";
import { problemsOf, type Refusals } from "./refusal.ts";
import type { Round } from "./round.ts";
import type { ShardStaging, StagedShard } from "./shard-staging.ts";

export type PublishedShardsDeps = {
  readonly staging: ShardStaging;
  readonly validate: Validate;
  readonly refusals: Refusals;
  readonly secrets: Pick<Secrets, "get">;
  readonly documentsOf: PinnedDocuments["of"];
};

/** The shards with resources in Envoy; also those that are gone but still routed to by an objective held back. */
export type PublishedShards = {
  has(name: string): boolean;
  /** Publishes a shard as it is in these documents, if it can be now. */
  update(live: LiveDocuments, name: string, round: Round): OwnedChange[];
  /** Shards that are gone go from Envoy, unless an objective that is held back still routes to them. */
  removeUnused(live: LiveDocuments, isUsed: (name: string) => boolean): OwnedChange[];
  /**
   * What an objective waits for before it may be routed to these shards; null when it need not. `former` are those that it is
   * routed to already; undefined when it is not served.
   */
  waitFor(
    live: LiveDocuments,
    used: ReadonlySet<string>,
    former: ReadonlySet<string> | undefined,
    round: Round,
  ): Wait | null;
  /** Those whose newest revision is not in Envoy yet. */
  waiting(): ReadonlySet<string>;
};

/** What is published of a shard: its newest form, and those that pins hold. */
type ServedShard = PublishedForm & StagedShard & { readonly held: readonly PublishedForm[] };

export function createPublishedShards(deps: PublishedShardsDeps): PublishedShards {
  const { staging, validate, refusals, secrets: known, documentsOf } = deps;
  const shards = new Map<string, ServedShard>();
  /** What those wait for whose newest revision is not in Envoy yet. */
  const obstacles = new Map<string, string>();

  const update = (live: LiveDocuments, name: string, { before, dueShards }: Round): OwnedChange[] => {
    const shard = live.shards.get(name);
    refusals.end(`shard ${name}`);
    obstacles.delete(name);
    if (!shard) return [];
    const { spec, metadata } = shard.document;
    const old = shards.get(name);
    const checkedSinceMs = before ? staging.checkedSinceMs(spec, old, dueShards.has(name)) : 0;
    const isUnchecked = checkedSinceMs === null;
    const { secrets, missing } = findShardSecrets(known, metadata.namespace, spec);
    const resources = shardResources({ name, spec, secrets, isUnchecked });
    const problems = problemsOf(resources, validate);
    if (problems.length > 0) {
      refusals.note(`shard ${name}`, shard, problems);
      return [];
    }
    if (missing.length > 0) refusals.note(`shard ${name}`, shard, missing.map(missingSecret));
    // At the start the shard was in use already: Envoys that were given the secret go on with it.
    const obstacle = before ? (missing[0] ?? staging.obstacle(name, spec, old)) : null;
    if (obstacle !== null) {
      obstacles.set(name, obstacle);
      return [];
    }
    const scopes = shardScopes(live, name, documentsOf);
    const owner = ownerOf("shard", name, shard.document, noShards, scopes.newest);
    const held = scopes.held.flatMap((form) => heldShard(name, form, isUnchecked));
    const changes = [...replaceForms(old?.held ?? [], held), ...replace(owner, old?.names ?? [], resources)];
    shards.set(name, { owner, names: namesOf(resources), held: held.map(publishedForm), spec, checkedSinceMs });
    staging.published(name, old, checkedSinceMs);
    return changes;
  };

  const heldShard = (name: string, { scope, documents }: HeldForm, isUnchecked: boolean): NewForm[] => {
    const document = documents.shards.get(name)?.document;
    if (!document) return [];
    const { spec, metadata } = document;
    const { secrets } = findShardSecrets(known, metadata.namespace, spec);
    const owner = ownerOf("shard", name, document, noShards, scope);
    return [{ owner, resources: shardResources({ name, spec, secrets, isUnchecked }) }];
  };

  return {
    has: (name) => shards.has(name),
    update,
    removeUnused: (live, isUsed) =>
      [...shards].flatMap(([name, { owner, names, held }]) => {
        if (live.shards.has(name) || isUsed(name)) return [];
        shards.delete(name);
        return [...replaceForms(held, []), ...replace(owner, names, [])];
      }),
    waitFor: (live, used, former, { before }) => {
      const obstacleOfNew = (name: string) => {
        const spec = live.shards.get(name)?.document.spec;
        if (!before || !spec || former?.has(name)) return null;
        return staging.requestsObstacle(name, spec, shards.get(name), former !== undefined);
      };
      const found = [...used].flatMap((name) => {
        const reason = obstacles.get(name) ?? obstacleOfNew(name);
        return reason === null ? [] : [{ name, reason }];
      });
      if (found.length === 0) return null;
      return { shards: found.map(({ name }) => name), reason: found.map(({ reason }) => reason).join("; ") };
    },
    waiting: () => new Set(obstacles.keys()),
  };
}

const noShards: ReadonlySet<string> = new Set();

function missingSecret(message: string) {
  return { path: "spec.tls", message };
}
