import { diffDocuments } from "../config/diff.ts";
import type { SignalboxDocument } from "../config/documents/document.ts";
import type { LiveDocuments } from "../config/live-documents.ts";
import { affectedObjectives } from "../config/relations/needs.ts";
import type { Context } from "../selection/context.ts";
import { compileSelection, type Selection } from "../selection/selector.ts";
import { type PlacedShard, routingKeysOf } from "./routing-keys.ts";
import { madeUpContexts, unitAttributes } from "./sample.ts";
import { type Segment, segmentsOf } from "./segments.ts";
import { createTally, type Tally, type TallyResult } from "./tally.ts";

/** What a change does to what is in force; all names are `<namespace>/<name>`. */
export type Plan = {
  /** The store revision of the documents that the change was compared with. */
  readonly revision: number;
  readonly objectives: readonly ObjectivePlan[];
  readonly shards: readonly ShardPlan[];
};

export type ObjectivePlan = {
  readonly objective: string;
  readonly change: "added" | "changed" | "removed";
  readonly keys: {
    readonly added: readonly string[];
    readonly removed: readonly RemovedKey[];
    /** Keys whose requests go to other shards, or in other shares. */
    readonly moved: readonly MovedKey[];
    readonly kept: number;
  };
  /** Where units go; empty when the choice of versions stays as it is. */
  readonly movements: readonly Movement[];
};

/** A key that goes away, and what becomes of a request that still carries it. */
export type RemovedKey = {
  readonly key: string;
  /** The routing key of the objective's default; null answers 404. */
  readonly answeredBy: string | null;
  /** How long clients may still use an answer with this key after the change is live: `policy.ttlMs`. */
  readonly ttlMs: number;
};

export type MovedKey = {
  readonly key: string;
  readonly before: readonly PlacedShard[];
  readonly after: readonly PlacedShard[];
};

export type Movement = {
  /** What the units were taken from: made-up units of an segment, or the contexts given. */
  readonly segment: Segment | "contexts";
} & TallyResult;

export type ShardPlan = {
  readonly shard: string;
  readonly change: "added" | "changed" | "removed" | "unchanged";
  /** The fields that differ; empty for a shard that is only used differently. */
  readonly fields: readonly string[];
  /** Routing keys of the affected objectives that it serves, before and after. */
  readonly keysBefore: number;
  readonly keysAfter: number;
};

export type PlanOptions = {
  /** Made-up units for each segment; 10,000 by default, fewer when there are very many segments. */
  readonly units?: number;
  /** Milliseconds since the epoch: the time by which experiments run. */
  readonly nowMs: number;
};

/** A plan in the making: everything but where units go is known at once. */
export type Planning = {
  /** Takes a context of real traffic; `objective` (`<namespace>/<name>`) limits it to one. */
  add(context: Context, objective?: string): void;
  /** The plan. Where no context was added, made-up units are counted. */
  finish(): Plan;
};

/** Selections that a plan may cost, so that one of many objectives ends within seconds. */
const maxSelections = 4_000_000;
const minUnits = 500;

/** Compares the documents in force with those after a change. Pure. */
export function startPlan(before: LiveDocuments, after: LiveDocuments, options: PlanOptions): Planning {
  const names = [...affectedObjectives(before, after)].sort();
  const sampled = new Set(names.filter((name) => isChoiceChanged(before, after, name)));
  const compiledBefore = compileSelection(onlyNeeded(before, [...sampled]));
  const compiledAfter = compileSelection(onlyNeeded(after, [...sampled]));
  const tallies = new Map<string, Tally>();
  const tallyOf = (name: string) => {
    const known = tallies.get(name);
    if (known) return known;
    const tally = createTally(compiledBefore.objectives.get(name), compiledAfter.objectives.get(name), options.nowMs);
    tallies.set(name, tally);
    return tally;
  };
  return {
    add(context, objective) {
      if (objective === undefined) for (const name of sampled) tallyOf(name).add(context);
      else if (sampled.has(objective)) tallyOf(objective).add(context);
    },
    finish() {
      const isGiven = tallies.size > 0;
      const made = isGiven
        ? new Map<string, Movement[]>()
        : madeUpMovements(compiledBefore, compiledAfter, [...sampled], options);
      for (const [name, tally] of tallies) made.set(name, [{ segment: "contexts", ...tally.result() }]);
      const objectives = names.map((name) => planObjective(before, after, name, made.get(name) ?? []));
      return { revision: before.revision, objectives, shards: planShards(before, after, names) };
    },
  };
}

/** {@link startPlan} over made-up units. */
export function planChange(before: LiveDocuments, after: LiveDocuments, options: PlanOptions): Plan {
  return startPlan(before, after, options).finish();
}

function madeUpMovements(
  before: Selection,
  after: Selection,
  names: readonly string[],
  { units = 10_000, nowMs }: PlanOptions,
): Map<string, Movement[]> {
  const segments = names.map((name) => segmentsOf(before.objectives.get(name), after.objectives.get(name)));
  const count = segments.reduce((sum, each) => sum + each.length, 0);
  const perSegment = Math.min(units, Math.max(minUnits, Math.floor(maxSelections / Math.max(1, 2 * count))));
  return new Map(
    names.map((name, index) => {
      const [old, next] = [before.objectives.get(name), after.objectives.get(name)];
      const movements = (segments[index] ?? []).map((segment): Movement => {
        const tally = createTally(old, next, nowMs);
        if (segment.attributes) {
          const { attributes } = segment;
          for (const context of madeUpContexts(unitAttributes(old, next), perSegment, () => attributes))
            tally.add(context);
        }
        return { segment, ...tally.result() };
      });
      return [name, movements];
    }),
  );
}

/** Of two states of everything, the objectives named: compiling ten thousand others would tell nothing. */
function onlyNeeded(live: LiveDocuments, names: readonly string[]): LiveDocuments {
  const objectives = new Map(
    names.flatMap((name) => {
      const objective = live.objectives.get(name);
      return objective ? [[name, objective] as const] : [];
    }),
  );
  return { ...live, objectives };
}

/** A change of shards or placements moves no unit to another version. */
function isChoiceChanged(before: LiveDocuments, after: LiveDocuments, name: string): boolean {
  if (before.objectives.get(name)?.document !== after.objectives.get(name)?.document) return true;
  return (["experiments", "holdouts", "audiences"] as const).some((field) => before[field] !== after[field]);
}

function planObjective(
  before: LiveDocuments,
  after: LiveDocuments,
  name: string,
  movements: readonly Movement[],
): ObjectivePlan {
  const [old, next] = [routingKeysOf(before, name), routingKeysOf(after, name)];
  const change = old.size === 0 ? "added" : next.size === 0 ? "removed" : "changed";
  const moved = [...next].flatMap(([key, shards]): MovedKey[] => {
    const previous = old.get(key);
    return previous && JSON.stringify(previous) !== JSON.stringify(shards)
      ? [{ key, before: previous, after: shards }]
      : [];
  });
  const added = [...next.keys()].filter((key) => !old.has(key));
  const gone = [...old.keys()].filter((key) => !next.has(key));
  return {
    objective: name,
    change,
    keys: {
      added,
      removed: gone.map((key) => removedKey(before, after, name, key)),
      moved,
      kept: next.size - added.length - moved.length,
    },
    movements,
  };
}

function removedKey(before: LiveDocuments, after: LiveDocuments, name: string, key: string): RemovedKey {
  const ttlMs = before.objectives.get(name)?.document.spec.policy.ttlMs ?? 0;
  const spec = after.objectives.get(name)?.document.spec;
  if (!spec || spec.policy.onUnknownKey === "reject") return { key, answeredBy: null, ttlMs };
  return { key, answeredBy: `${name}/${spec.default.model}@${spec.default.version}`, ttlMs };
}

function planShards(before: LiveDocuments, after: LiveDocuments, objectives: readonly string[]): ShardPlan[] {
  const counts = [before, after].map((live) => countKeys(live, objectives));
  const [old = new Map(), next = new Map()] = counts;
  const changedDocuments = [...new Set([...before.shards.keys(), ...after.shards.keys()])].filter(
    (name) => before.shards.get(name) !== after.shards.get(name),
  );
  const used = [...new Set([...old.keys(), ...next.keys()])].filter((name) => old.get(name) !== next.get(name));
  return [...new Set([...changedDocuments, ...used])].sort().map((shard) => {
    const [documentBefore, documentAfter] = [document(before, shard), document(after, shard)];
    return {
      shard,
      change: changeOf(documentBefore, documentAfter),
      fields:
        documentBefore && documentAfter ? diffDocuments(documentBefore, documentAfter).map(({ path }) => path) : [],
      keysBefore: old.get(shard) ?? 0,
      keysAfter: next.get(shard) ?? 0,
    };
  });
}

function countKeys(live: LiveDocuments, objectives: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of objectives) {
    for (const shards of routingKeysOf(live, name).values()) {
      for (const { shard, weight } of shards) if (weight > 0) counts.set(shard, (counts.get(shard) ?? 0) + 1);
    }
  }
  return counts;
}

function document(live: LiveDocuments, shard: string): SignalboxDocument | null {
  return live.shards.get(shard)?.document ?? null;
}

function changeOf(before: SignalboxDocument | null, after: SignalboxDocument | null): ShardPlan["change"] {
  if (!before) return "added";
  if (!after) return "removed";
  return diffDocuments(before, after).length > 0 ? "changed" : "unchanged";
}
