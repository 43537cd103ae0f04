import { anySignal } from "../config/any-signal.ts";
import { untilAborted } from "../config/until-aborted.ts";
import { type CellQuestion, type CellSource, parseCells } from "./cell-source.ts";

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
  /** No question runs longer, answered or not; 10,000 by default. */
  readonly abandonAfterMs?: number;
  readonly onLookup: OnCellLookup;
  /** Milliseconds that never go back. */
  readonly now: () => number;
  /** Ends the questions under way. */
  readonly signal: AbortSignal;
};

/** The cells of a unit: at once when they are known, null when the platform is late or cannot answer. Never rejects. */
export type CellLookup = (question: CellQuestion) => Promise<readonly string[] | null> | readonly string[];

export const cellOutcomes = ["cached", "answered", "late", "failed"] as const;

/** Hears of each lookup what came of it; without cells, why: a sentence, or what the source threw. */
export type OnCellLookup = (lookup: {
  readonly question: CellQuestion;
  readonly outcome: (typeof cellOutcomes)[number];
  readonly cause?: unknown;
}) => void;

/** Asks the platform once for each unit, and keeps its answers for a while. */
export function createCellLookup(deps: CellLookupDeps): CellLookup {
  const { source, timeoutMs, onLookup, maxUnderWay = 256, abandonAfterMs = 10_000 } = deps;
  const known = createCellCache(deps);
  const underWay = new Map<string, Promise<readonly string[]>>();

  const answerTo = async (key: string, question: CellQuestion): Promise<readonly string[]> => {
    const signal = anySignal([deps.signal, AbortSignal.timeout(abandonAfterMs)]);
    // A source that does not heed the signal must not keep its place for ever.
    const cells = parseCells(await untilAborted(Promise.resolve(source(question, signal)), signal));
    known.set(key, cells);
    return cells;
  };
  /** Null when the platform has enough to do. */
  const ask = (key: string, question: CellQuestion): Promise<readonly string[]> | null => {
    const asked = underWay.get(key);
    if (asked) return asked;
    if (underWay.size >= maxUnderWay) return null;
    const answer = answerTo(key, question);
    underWay.set(key, answer);
    const forget = () => underWay.delete(key);
    answer.then(forget, forget);
    return answer;
  };

  return (question) => {
    const key = JSON.stringify([question.namespace, question.attribute, question.unit]);
    const cached = known.get(key);
    if (cached) {
      onLookup({ question, outcome: "cached" });
      return cached;
    }
    return inTime(ask(key, question), timeoutMs).then(({ cells, ...came }) => {
      onLookup({ question, ...came });
      return cells;
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

type Came =
  | { readonly cells: readonly string[]; readonly outcome: "answered" }
  | { readonly cells: null; readonly outcome: "late" | "failed"; readonly cause: unknown };

const late = (cause: string): Came => ({ cells: null, outcome: "late", cause });

async function inTime(answer: Promise<readonly string[]> | null, timeoutMs: number): Promise<Came> {
  if (answer === null) return late("the experiment platform has too many questions to answer");
  return new Promise((resolve) => {
    const timer = setTimeout(
      () => resolve(late(`no answer of the experiment platform within ${timeoutMs} ms`)),
      timeoutMs,
    );
    const settle = (came: Came) => {
      clearTimeout(timer);
      resolve(came);
    };
    answer.then(
      (cells) => settle({ cells, outcome: "answered" }),
      (cause: unknown) => settle({ cells: null, outcome: "failed", cause }),
    );
  });
}
