import type { ModelPorts } from "./model-servers.ts";
import type { TransportProtocol } from "./rollout-transports.ts";
import type { WorldChange } from "./rollout-world.ts";
import { sampleModel, sampleObjective, sampleShard } from "./sample-documents.ts";
import { createValidModels, type ValidModels } from "./valid-models.ts";

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
  /** Everything as it should be by now, save what changes added besides. */
  whole(): WorldChange;
  /** The objectives that are there all the time, and speak HTTP. */
  readonly objectives: readonly string[];
  /** One of those that are there all the time, for a request in this protocol. */
  objectiveFor(protocol: TransportProtocol, random: () => number): string;
  /** What may answer them, by the changes that were asked for so far. */
  readonly valid: ValidModels;
  next(): RandomChange;
};

/** What a shard and an objective speak. */
type Speech = "http" | "grpc";
type ShardState = { readonly port: number; readonly speech: Speech };
type Version = { shards: string[] };
type ModelState = { readonly versions: Map<string, Version>; last: number };
type ObjectiveState = {
  readonly speech: Speech;
  chosen: string;
  split: [string, string, number] | null;
  minLevel: number | null;
};

export type RandomDocumentsOptions = {
  readonly random: () => number;
  /** A shard has one; of six, two speak gRPC. */
  readonly models: readonly ModelPorts[];
  /** Of the answers. */
  readonly ttlMs?: number;
};

const checks = {
  http: { healthCheck: { path: "/ready", intervalMs: 500 } },
  grpc: { protocol: "grpc" as const, healthCheck: { intervalMs: 500 } },
};
/** Of the objectives of the load. The second one's one-call requests are decided by a resolver, the others' by Envoy. */
const objectiveNames: Readonly<Record<Speech, readonly string[]>> = { http: ["o0", "o1", "o2"], grpc: ["g0", "g1"] };
const askingEnvoys = "o1";

export function createRandomDocuments(options: RandomDocumentsOptions): RandomDocuments {
  const { random, ttlMs = 500 } = options;
  const names = [...objectiveNames.http, ...objectiveNames.grpc];
  const portsOf = {
    http: options.models.map(({ http1Port }) => http1Port),
    grpc: options.models.map(({ grpcPort }) => grpcPort),
  };
  const speechOf = (index: number): Speech => (index % 3 === 2 ? "grpc" : "http");
  const shards = new Map<string, ShardState>(
    options.models.map((_, n) => [`s${n}`, { speech: speechOf(n), port: portsOf[speechOf(n)][n] ?? 0 }]),
  );
  const valid = createValidModels();
  const models = new Map<string, ModelState>();
  const objectives = new Map<string, ObjectiveState>();
  const extra: string[] = [];
  let count = 0;

  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  const shardsSpeaking = (speech: Speech) =>
    [...shards].flatMap(([name, each]) => (each.speech === speech ? [name] : []));
  const shardFor = (objective: string) => pick(shardsSpeaking((objectives.get(objective) as ObjectiveState).speech));
  const shardDocument = (name: string) => {
    const { port, speech } = shards.get(name) as ShardState;
    return sampleShard(name, [port], checks[speech]);
  };
  const modelDocument = (name: string) => {
    const { versions } = models.get(name) as ModelState;
    const placements = Object.fromEntries([...versions].map(([version, each]) => [version, each.shards]));
    return sampleModel(name, placements, objectives.get(name)?.speech === "grpc" ? "open-inference" : "raw");
  };
  /** Whatever is published of an objective is noted here first. */
  const noteValid = (name: string) => {
    const { chosen, split } = objectives.get(name) as ObjectiveState;
    const [first, second, weight] = split ?? [chosen, chosen, 50];
    const arms = [...(weight > 0 ? [first] : []), ...(weight < 100 ? [second] : [])];
    valid.note(
      name,
      [chosen, ...arms].map((version) => `${name}@${version}`),
    );
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
    noteValid(name);
    const engine = name === askingEnvoys ? { engine: "resolver" as const, resolverTimeoutMs: 10_000 } : {};
    return sampleObjective(name, name, chosen, { rules, policy: { ttlMs, timeoutMs: 20_000, ...engine } });
  };
  const used = () =>
    new Set([...models.values()].flatMap(({ versions }) => [...versions.values()].flatMap((each) => each.shards)));
  const documentsOf = (name: string) => [modelDocument(name), objectiveDocument(name)];

  const changes: Record<ChangeKind, () => WorldChange & { readonly garbage?: string }> = {
    "new version": () => {
      const name = pick(names);
      const model = models.get(name) as ModelState;
      const version = String(++model.last);
      model.versions.set(version, { shards: [shardFor(name)] });
      (objectives.get(name) as ObjectiveState).chosen = version;
      return { documents: documentsOf(name) };
    },
    "placement moved": () => {
      const name = pick(names);
      const version = pick([...(models.get(name) as ModelState).versions.values()]);
      version.shards = [shardFor(name)];
      return { documents: [modelDocument(name)] };
    },
    "shard added": () => {
      const name = `added-${++count}`;
      const speech = pick(["http", "grpc"] as const);
      shards.set(name, { speech, port: pick(portsOf[speech]) });
      return { documents: [shardDocument(name)] };
    },
    "shard removed": () => {
      const inUse = used();
      const unused = [...shards].flatMap(([name, { speech }]) =>
        inUse.has(name) || shardsSpeaking(speech).length <= 2 ? [] : [name],
      );
      const [name] = unused.length > 0 ? [pick(unused)] : [];
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
      shards.set(to, shards.get(from) as ShardState);
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
      const { speech } = shards.get(name) as ShardState;
      shards.set(name, { speech, port: pick(portsOf[speech]) });
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
      return { documents: [sampleShard(name, [pick(portsOf.http)], { tls })] };
    },
    invalid: () => ({ garbage: `shard.default.invalid-${++count}` }),
  };

  const whole = () => {
    const forExtra = sampleShard("extra", portsOf.http.slice(0, 1), checks.http);
    return { documents: [...[...shards.keys()].map(shardDocument), forExtra, ...names.flatMap(documentsOf)] };
  };

  return {
    objectives: objectiveNames.http,
    objectiveFor: (protocol, from) => {
      const all = objectiveNames[protocol === "grpc" ? "grpc" : "http"];
      return all[Math.floor(from() * all.length)] ?? "";
    },
    valid,
    initial: () => {
      for (const [speech, all] of Object.entries(objectiveNames) as [Speech, readonly string[]][]) {
        for (const name of all) {
          objectives.set(name, { speech, chosen: "1", split: null, minLevel: null });
          models.set(name, { versions: new Map([["1", { shards: [shardFor(name)] }]]), last: 1 });
        }
      }
      return whole();
    },
    whole,
    next: () => {
      const kind = pick(changeKinds);
      return { kind, ...changes[kind]() };
    },
  };
}
