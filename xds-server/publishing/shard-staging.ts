import type { Shard } from "../../config/documents/shard.ts";
import type { ClusterAcceptance } from "../readiness/cluster-acceptance.ts";
import type { ShardReadiness } from "../readiness/shard-readiness.ts";

/** A shard as Envoy has it. */
export type StagedShard = {
  readonly spec: Shard["spec"];
  /** Since when Envoy checks the health of its hosts, as `performance.now()`; null while it does not yet. */
  readonly checkedSinceMs: number | null;
};

/** Brings new shards into use step by step: known to Envoy, taken by all of them, ready, checked. */
export type ShardStaging = {
  /** Why the newest revision of a shard has to wait; null when it need not. */
  obstacle(name: string, spec: Shard["spec"], old: StagedShard | undefined): string | null;
  /** Since when Envoy checks its hosts once this revision is published. `isDue`: it is published anew for that. */
  checkedSinceMs(spec: Shard["spec"], old: StagedShard | undefined, isDue: boolean): number | null;
  /** A revision of a shard was published. */
  published(name: string, old: StagedShard | undefined, checkedSinceMs: number | null): void;
  /**
   * Why no requests may be sent yet to a shard that is new to an objective; null when they may. `hasFormer`: the objective has
   * former routes to go on with.
   */
  requestsObstacle(
    name: string,
    spec: Shard["spec"],
    served: StagedShard | undefined,
    hasFormer: boolean,
  ): string | null;
  /** Nobody waits for other shards than these any more. */
  keepOnly(shards: ReadonlySet<string>): void;
};

export type ShardStagingDeps = {
  /** Whether the hosts can serve; when absent, all can. */
  readonly readiness: ShardReadiness | undefined;
  /** Whether the Envoys have taken a cluster; when absent, they take all. */
  readonly acceptance: Pick<ClusterAcceptance, "added" | "obstacle" | "keepOnly"> | undefined;
  /** Called when a shard is to be published anew. */
  readonly onDue: (name: string) => void;
  /** Called when what waits for a shard is worth another look. */
  readonly onKnown: (name: string) => void;
};

/** How long a new cluster has to become known to the Envoys, without its hosts' health being checked. */
const checksAfterMs = 300;
/** How long the first round of health checks is given before a shard gets requests of which some hosts are not ready. */
const firstChecksMs = 500;

export function createShardStaging({ readiness, acceptance, onDue, onKnown }: ShardStagingDeps): ShardStaging {
  const later = (tell: (name: string) => void, name: string, delayMs: number) => {
    setTimeout(tell, delayMs, name).unref();
  };

  return {
    obstacle: (name, spec, old) => {
      if (!readiness) return null;
      const { some, reason } = readiness.of(name, spec);
      if (some) return null;
      // Envoy finds hosts by DNS before it takes a cluster as ready, and the others of the same commit wait with it.
      const isNecessary = old ? hasOnlyNewHosts(old.spec, spec) : spec.dns !== undefined;
      return isNecessary ? `shard ${name} has no ready host: ${reason}` : null;
    },
    checkedSinceMs: (spec, old, isDue) => {
      if (!readiness || !spec.healthCheck || spec.dns) return 0;
      if (old && old.checkedSinceMs !== null) return old.checkedSinceMs;
      // Known to Envoy first, checked later: the first round of checks would hold up every other change.
      return old && isDue ? performance.now() : null;
    },
    published: (name, old, checkedSinceMs) => {
      if (!old) acceptance?.added(name);
      if (!old && checkedSinceMs === null) later(onDue, name, checksAfterMs);
      if (old && old.checkedSinceMs === null && checkedSinceMs !== null) later(onKnown, name, firstChecksMs);
    },
    requestsObstacle: (name, spec, served, hasFormer) => {
      // Without former routes nobody asks for the objective before it is activated.
      const refusal = hasFormer && served ? (acceptance?.obstacle(name) ?? null) : null;
      if (!readiness) return refusal;
      const { some, all, reason } = readiness.of(name, spec);
      if (!some) return `shard ${name} has no ready host: ${reason}`;
      if (refusal !== null) return refusal;
      const since = served?.checkedSinceMs ?? null;
      const isChecked = since !== null && performance.now() - since >= firstChecksMs;
      return all || isChecked || !spec.healthCheck ? null : `shard ${name} is being checked by the Envoys: ${reason}`;
    },
    keepOnly: (shards) => {
      readiness?.keepOnly(shards);
      acceptance?.keepOnly(shards);
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
