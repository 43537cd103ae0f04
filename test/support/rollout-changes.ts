import type { WorldChange } from "./rollout-world.ts";
import { sampleModel, sampleObjective, sampleShard } from "./sample-documents.ts";

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const changeKinds = [
  ...["new version", "placement moved", "shard added", "shard removed", "weights", "rules", "shard renamed"],
  ...["endpoint replaced", "objective added", "objective removed", "versions removed", "Envoy refuses", "invalid"],
] as const;

export type ChangeKind = (typeof changeKinds)[number];

/** A random change. `garbage` is no document: it goes under this key as it is. */
export type RandomChange = WorldChange & { readonly kind: string; readonly garbage?: string };

/** The documents of a world as they should be, and random changes of them. */
export type RandomDocuments = {
  /** What is there at first. */
  initial(): WorldChange;
  /** The objectives that are there all the time. */
  readonly objectives: readonly string[];
  next(): RandomChange;
};

type Version = { shards: string[] };
type ModelState = { readonly versions: Map<string, Version>; last: number };
type ObjectiveState = { chosen: string; split: [string, string, number] | null; minLevel: number | null };

export type RandomDocumentsOptions = {
  readonly random: () => number;
  /** Of the model servers; a shard has one. */
  readonly ports: readonly number[];
  /** Under load. */
  readonly objectives?: number;
  /** Of the answers. */
  readonly ttlMs?: number;
};

const checked = { healthCheck: { path: "/ready", intervalMs: 500 } };

export function createRandomDocuments(options: RandomDocumentsOptions): RandomDocuments {
  const { random, ports, ttlMs = 500 } = options;
  const names = Array.from({ length: options.objectives ?? 4 }, (_, n) => `o${n}`);
  const shards = new Map(ports.map((port, n) => [`s${n}`, port]));
  const models = new Map<string, ModelState>();
  const objectives = new Map<string, ObjectiveState>();
  const extra: string[] = [];
  let count = 0;

  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  const shardDocument = (name: string) => sampleShard(name, [shards.get(name) ?? 0], checked);
  const modelDocument = (name: string) => {
    const { versions } = models.get(name) as ModelState;
    return sampleModel(name, Object.fromEntries([...versions].map(([version, each]) => [version, each.shards])));
  };
  const objectiveDocument = (name: string) => {
    const { chosen, split, minLevel } = objectives.get(name) as ObjectiveState;
    const rules = [
      ...(minLevel === null
        ? []
        : [{ name: "level", when: { level: { gte: minLevel } }, serve: { model: name, version: chosen } }]),
      ...(split
        ? [
            {
              name: "split",
              split: {
                variants: [
                  { name: "a", weight: split[2], model: name, version: split[0] },
                  { name: "b", weight: 100 - split[2], model: name, version: split[1] },
                ],
              },
            },
          ]
        : []),
    ];
    return sampleObjective(name, name, chosen, { rules, policy: { ttlMs } });
  };
  const used = () =>
    new Set([...models.values()].flatMap(({ versions }) => [...versions.values()].flatMap((each) => each.shards)));
  const documentsOf = (name: string) => [modelDocument(name), objectiveDocument(name)];

  const changes: Record<ChangeKind, () => WorldChange & { readonly garbage?: string }> = {
    "new version": () => {
      const name = pick(names);
      const model = models.get(name) as ModelState;
      const version = String(++model.last);
      model.versions.set(version, { shards: [pick([...shards.keys()])] });
      (objectives.get(name) as ObjectiveState).chosen = version;
      return { documents: documentsOf(name) };
    },
    "placement moved": () => {
      const name = pick(names);
      const version = pick([...(models.get(name) as ModelState).versions.values()]);
      version.shards = [pick([...shards.keys()])];
      return { documents: [modelDocument(name)] };
    },
    "shard added": () => {
      const name = `added-${++count}`;
      shards.set(name, pick(ports));
      return { documents: [shardDocument(name)] };
    },
    "shard removed": () => {
      const inUse = used();
      const unused = [...shards.keys()].filter((name) => !inUse.has(name));
      const [name] = unused.length > 0 && shards.size > 4 ? [pick(unused)] : [];
      if (name === undefined) return changes["shard added"]();
      shards.delete(name);
      return { deleted: [`shard.default.${name}`] };
    },
    weights: () => {
      const name = pick(names);
      const versions = [...(models.get(name) as ModelState).versions.keys()];
      (objectives.get(name) as ObjectiveState).split = [pick(versions), pick(versions), Math.floor(random() * 101)];
      return { documents: [objectiveDocument(name)] };
    },
    rules: () => {
      const name = pick(names);
      const state = objectives.get(name) as ObjectiveState;
      state.minLevel = random() < 0.3 ? null : Math.floor(random() * 100);
      return { documents: [objectiveDocument(name)] };
    },
    "shard renamed": () => {
      const from = pick([...shards.keys()]);
      const to = `renamed-${++count}`;
      shards.set(to, shards.get(from) ?? 0);
      shards.delete(from);
      const touched = [...models].filter(([, { versions }]) =>
        [...versions.values()].some((each) => each.shards.includes(from)),
      );
      for (const [, { versions }] of touched)
        for (const each of versions.values()) each.shards = each.shards.map((shard) => (shard === from ? to : shard));
      return {
        documents: [shardDocument(to), ...touched.map(([name]) => modelDocument(name))],
        deleted: [`shard.default.${from}`],
      };
    },
    "endpoint replaced": () => {
      const name = pick([...shards.keys()]);
      shards.set(name, pick(ports));
      return { documents: [shardDocument(name)] };
    },
    "objective added": () => {
      const name = `extra-${++count}`;
      extra.push(name);
      const from = pick(names);
      const { chosen } = objectives.get(from) as ObjectiveState;
      return {
        documents: [sampleModel(name, { [chosen]: ["extra"] }), sampleObjective(name, name, chosen)],
      };
    },
    "objective removed": () => {
      const name = extra.shift();
      if (name === undefined) return changes["objective added"]();
      return { deleted: [`objective.default.${name}`, `model.default.${name}`] };
    },
    "versions removed": () => {
      const name = pick(names);
      const { versions } = models.get(name) as ModelState;
      const state = objectives.get(name) as ObjectiveState;
      state.split = null;
      for (const version of [...versions.keys()]) if (version !== state.chosen) versions.delete(version);
      return { documents: documentsOf(name) };
    },
    "Envoy refuses": () => {
      const name = `refused-${++count}`;
      const tls = { caFile: "/there/is/no/such/file.pem" };
      return { documents: [sampleShard(name, [pick(ports)], { tls })] };
    },
    invalid: () => ({ garbage: `shard.default.invalid-${++count}` }),
  };

  return {
    objectives: names,
    initial: () => {
      for (const name of names) {
        models.set(name, { versions: new Map([["1", { shards: [pick([...shards.keys()])] }]]), last: 1 });
        objectives.set(name, { chosen: "1", split: null, minLevel: null });
      }
      const forExtra = sampleShard("extra", ports.slice(0, 1), checked);
      return { documents: [...[...shards.keys()].map(shardDocument), forExtra, ...names.flatMap(documentsOf)] };
    },
    next: () => {
      const kind = pick(changeKinds);
      return { kind, ...changes[kind]() };
    },
  };
}
