import type { Metrics } from "../service/metrics.ts";

/** An outside experiment platform. */
export interface CellSource {
  /**
   * The cells that a unit is in, each `<key>=<arm>`; an empty list when it is in none. Rejects when the platform cannot be
   * asked or answers something else.
   */
  cellsOf(question: CellQuestion, signal: AbortSignal): Promise<readonly string[]>;
}

export type CellQuestion = {
  readonly namespace: string;
  /** The attribute that is bucketed, and its text. */
  readonly attribute: string;
  readonly unit: string;
};

export type CellLookupDeps = {
  readonly source: CellSource;
  /** How long a request waits; an answer that comes later is kept for the next one. */
  readonly timeoutMs: number;
  /** How long an answer is used. */
  readonly ttlMs: number;
  /** Answers kept; the ones asked for longest ago go first. */
  readonly maxUnits?: number;
  /** Characters of all answers kept, with their units. */
  readonly maxCharacters?: number;
  /** Questions under way. While a slow platform has so many, it is not asked for other units. */
  readonly maxUnderWay?: number;
  readonly count: CountCellLookup;
  /** Milliseconds that never go back. */
  readonly now: () => number;
};

/** The cells of a unit: at once when they are known, null when the platform is late or cannot answer. Never rejects. */
export type CellLookup = (question: CellQuestion) => Promise<readonly string[] | null> | readonly string[];

const outcomes = ["cached", "answered", "late", "failed"] as const;
export type CountCellLookup = (outcome: (typeof outcomes)[number]) => void;

/** The counter of lookups, which is there without a platform too. */
export function createCellLookupCounter(metrics: Metrics): CountCellLookup {
  const counter = metrics.counter({
    name: "signalbox_resolver_cell_lookups_total",
    help: "Units whose cells were looked up for an experiment: cached, answered, late (rules decided) or failed.",
    labelNames: ["outcome"],
  });
  for (const outcome of outcomes) counter.inc({ outcome }, 0);
  return (outcome) => counter.inc({ outcome });
}

/** No question runs longer, answered or not. */
const abandonAfterMs = 10_000;

/** Asks the platform once for each unit, and keeps its answers for a while. */
export function createCellLookup(deps: CellLookupDeps): CellLookup {
  const { source, timeoutMs, count, maxUnderWay = 256 } = deps;
  const known = createCellCache(deps);
  const underWay = new Map<string, Promise<readonly string[]>>();

  /** Null when the platform has enough to do. */
  const ask = (key: string, question: CellQuestion): Promise<readonly string[]> | null => {
    const asked = underWay.get(key);
    if (asked) return asked;
    if (underWay.size >= maxUnderWay) return null;
    const answer = source.cellsOf(question, AbortSignal.timeout(abandonAfterMs)).then((cells) => {
      known.set(key, cells);
      return cells;
    });
    underWay.set(key, answer);
    const forget = () => underWay.delete(key);
    answer.then(forget, forget);
    return answer;
  };

  return (question) => {
    const key = JSON.stringify([question.namespace, question.attribute, question.unit]);
    const cached = known.get(key);
    if (cached) {
      count("cached");
      return cached;
    }
    return inTime(ask(key, question), timeoutMs).then((outcome) => {
      count(typeof outcome === "string" ? outcome : "answered");
      return typeof outcome === "string" ? null : outcome;
    });
  };
}

type CellCacheDeps = Pick<CellLookupDeps, "ttlMs" | "maxUnits" | "maxCharacters" | "now">;

/** Answers by question, as many as there is room for; the oldest leave first. */
function createCellCache({ ttlMs, maxUnits = 100_000, maxCharacters = 64 * 1024 * 1024, now }: CellCacheDeps) {
  type Entry = { readonly cells: readonly string[]; readonly until: number; readonly characters: number };
  const entries = new Map<string, Entry>();
  let characters = 0;
  const remove = (key: string) => {
    characters -= entries.get(key)?.characters ?? 0;
    entries.delete(key);
  };
  return {
    get: (key: string): readonly string[] | undefined => {
      const entry = entries.get(key);
      return entry && entry.until > now() ? entry.cells : undefined;
    },
    set: (key: string, cells: readonly string[]) => {
      remove(key);
      const entry = { cells, until: now() + ttlMs, characters: key.length + cells.join("").length };
      entries.set(key, entry);
      characters += entry.characters;
      for (const oldest of entries.keys()) {
        if (entries.size <= maxUnits && characters <= maxCharacters) break;
        remove(oldest);
      }
    },
  };
}

async function inTime(
  answer: Promise<readonly string[]> | null,
  timeoutMs: number,
): Promise<readonly string[] | "late" | "failed"> {
  if (answer === null) return "late";
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve("late"), timeoutMs);
    const settle = (outcome: readonly string[] | "failed") => {
      clearTimeout(timer);
      resolve(outcome);
    };
    answer.then(settle, () => settle("failed"));
  });
}
