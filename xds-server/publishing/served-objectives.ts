/** What has resources in Envoy, by the name of its objective. */
export type ServedObjectives<S> = {
  get(name: string): S | undefined;
  entries(): Iterable<readonly [name: string, served: S]>;
  /** Undefined takes it away. */
  set(name: string, served: S | undefined): void;
  /** The objectives that route to a cluster. */
  usersOf(cluster: string): string[];
};

/** Each question and each change costs what it is about, however many objectives there are. `clustersOf`: what it routes to. */
export function createServedObjectives<S>(clustersOf: (served: S) => Iterable<string>): ServedObjectives<S> {
  const objectives = new Map<string, S>();
  const users = new Map<string, Set<string>>();

  const leave = (cluster: string, name: string) => {
    const own = users.get(cluster);
    own?.delete(name);
    if (own?.size === 0) users.delete(cluster);
  };
  const join = (cluster: string, name: string) => {
    const own = users.get(cluster);
    if (own) own.add(name);
    else users.set(cluster, new Set([name]));
  };

  return {
    get: (name) => objectives.get(name),
    entries: () => objectives,
    set: (name, served) => {
      const old = objectives.get(name);
      if (old !== undefined) for (const cluster of clustersOf(old)) leave(cluster, name);
      if (served !== undefined) for (const cluster of clustersOf(served)) join(cluster, name);
      if (served !== undefined) objectives.set(name, served);
      else objectives.delete(name);
    },
    usersOf: (cluster) => [...(users.get(cluster) ?? [])],
  };
}
