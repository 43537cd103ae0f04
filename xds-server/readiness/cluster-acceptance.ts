import { createPaced } from "../../rollout/paced.ts";

/** Whether the Envoys have taken the clusters that requests are to be sent to from now on. */
export type ClusterAcceptance = {
  /** A cluster goes out with the next commit. */
  added(cluster: string): void;
  /** A commit went out. */
  published(commit: number): void;
  /** Why no request may be sent to a cluster yet, and then `onChange` hears when that changes; null when they may. */
  obstacle(cluster: string): string | null;
  /** The Envoys may have answered, come or gone. */
  look(): void;
  /** Nobody waits for other clusters than these any more. */
  keepOnly(clusters: ReadonlySet<string>): void;
  stop(): void;
};

export type ClusterAcceptanceDeps = {
  /** Every Envoy that counts has answered everything up to this commit. */
  readonly settled: () => number;
  /** Why an Envoy that counts refuses a cluster; null when none does. */
  readonly refusalOf: (cluster: string) => string | null;
  readonly onChange: (cluster: string) => void;
};

/** How often it is looked whether those that were waited for count no more. */
const everyMs = 500;

/**
 * A route to a cluster that an Envoy has refused, or not heard of, fails. So requests are sent to a new one in a second step,
 * once all Envoys have answered for it.
 */
export function createClusterAcceptance({ settled, refusalOf, onChange }: ClusterAcceptanceDeps): ClusterAcceptance {
  /** Clusters that not all Envoys have answered for, with the commit that brought them; null while it is not out. */
  const onTheWay = new Map<string, number | null>();
  /** What was said of those that somebody waits for. */
  const obstacles = new Map<string, string>();
  let timer: NodeJS.Timeout | undefined;

  const noteSettled = () => {
    if (onTheWay.size === 0) return;
    const reached = settled();
    for (const [cluster, commit] of onTheWay) if (commit !== null && commit <= reached) onTheWay.delete(cluster);
  };

  const find = (cluster: string): string | null => {
    const refusal = refusalOf(cluster);
    if (refusal !== null) return `shard ${cluster}: ${refusal}`;
    return onTheWay.has(cluster) ? `shard ${cluster} is on the way to the Envoys` : null;
  };

  const lookNow = () => {
    noteSettled();
    for (const [cluster, before] of obstacles) {
      const now = find(cluster);
      if (now === before) continue;
      if (now === null) obstacles.delete(cluster);
      else obstacles.set(cluster, now);
      onChange(cluster);
    }
    lookAgain();
  };

  const lookAgain = () => {
    clearTimeout(timer);
    if (obstacles.size > 0) timer = setTimeout(look.ask, everyMs).unref();
  };

  const look = createPaced(lookNow);

  return {
    added: (cluster) => {
      onTheWay.set(cluster, null);
    },
    published: (commit) => {
      for (const [cluster, known] of onTheWay) onTheWay.set(cluster, known ?? commit);
      look.ask();
    },
    obstacle: (cluster) => {
      noteSettled();
      const found = find(cluster);
      if (found === null) obstacles.delete(cluster);
      else obstacles.set(cluster, found);
      lookAgain();
      return found;
    },
    look: look.ask,
    keepOnly: (clusters) => {
      for (const cluster of obstacles.keys()) if (!clusters.has(cluster)) obstacles.delete(cluster);
    },
    stop: () => {
      clearTimeout(timer);
      look.stop();
    },
  };
}
