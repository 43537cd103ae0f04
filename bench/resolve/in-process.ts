import { type Figures, median, type Row } from "../report.ts";
import { type Engine, flagdEngine, growthBookEngine, signalboxEngine, unleashEngine } from "./engines.ts";
import { type Garbage, watchGarbage } from "./garbage.ts";
import { type Latency, latencyOf } from "./latency.ts";
import { contextsFor } from "./rule-set.ts";

const positions = [
  { label: "rule 1", rule: 0 },
  { label: "rule 50", rule: 49 },
  { label: "none", rule: null },
] as const;

const rounds = Number(process.env.BENCH_ROUNDS ?? 9);
const millisecondsPerRun = 40;
const singleCalls = 20_000;

/**
 * Decisions a second of Signalbox and of three feature-flag engines in one process: the same hundred rules, the same
 * contexts. Engines take turns within each round; a figure is the median of the rounds' ratios, at the position where
 * Signalbox is ahead the least.
 */
export async function measureInProcess(): Promise<{ readonly rows: readonly Row[]; readonly figures: Figures }> {
  const engines = [signalboxEngine(), flagdEngine(), growthBookEngine(), unleashEngine()];
  const garbage = watchGarbage();
  const rows: Row[] = [];
  const lowest = new Map<string, number>();
  for (const { label, rule } of positions) {
    const subjects = engines.map((engine) => subjectOf(engine, rule));
    for (const subject of subjects) runFor(subject, 4 * millisecondsPerRun);
    for (let round = 0; round < rounds; round += 1) {
      for (const subject of subjects) {
        await garbage.taken();
        subject.rates.push(runFor(subject, millisecondsPerRun));
        subject.garbage.push(await garbage.taken());
      }
    }
    const own = subjects[0] as Subject;
    for (const subject of subjects) {
      const ratio = median(own.rates.map((rate, round) => rate / (subject.rates[round] as number)));
      const { name } = subject.engine;
      if (subject !== own) lowest.set(name, Math.min(ratio, lowest.get(name) ?? Number.POSITIVE_INFINITY));
      rows.push({ ...rowOf(subject, label), "Signalbox is faster by": ratio.toFixed(1) });
    }
  }
  garbage.stop();
  const figures = {
    inProcessVsFlagdRatio: lowest.get("flagd-core") as number,
    inProcessVsGrowthBookRatio: lowest.get("growthbook") as number,
    inProcessVsUnleashRatio: lowest.get("unleash-client") as number,
  };
  return { rows, figures };
}

type Subject = {
  readonly engine: Engine;
  readonly contexts: readonly object[];
  /** Decisions a second, by round. */
  readonly rates: number[];
  readonly garbage: Garbage[];
};

function subjectOf(engine: Engine, rule: number | null): Subject {
  const contexts = contextsFor(rule).map((context) => engine.prepare(context));
  const arms = new Set(contexts.map((context) => engine.decide(context)));
  const wanted = rule === null ? ["default"] : ["a", "b"];
  if ([...arms].sort().join() !== wanted.join()) throw new Error(`${engine.name} decides ${[...arms]}, not ${wanted}`);
  return { engine, contexts, rates: [], garbage: [] };
}

function runFor({ engine, contexts }: Subject, milliseconds: number): number {
  const startedAt = performance.now();
  let decisions = 0;
  let elapsed = 0;
  do {
    for (const context of contexts) engine.decide(context);
    decisions += contexts.length;
    elapsed = performance.now() - startedAt;
  } while (elapsed < milliseconds);
  return (decisions / elapsed) * 1000;
}

/** Each call by itself: the clock's own tenth of a microsecond is in the numbers. */
function singly({ engine, contexts }: Subject): Latency {
  const microseconds = new Float64Array(singleCalls);
  for (let call = 0; call < singleCalls; call += 1) {
    const context = contexts[call % contexts.length] as object;
    const startedAt = performance.now();
    engine.decide(context);
    microseconds[call] = (performance.now() - startedAt) * 1000;
  }
  return latencyOf(microseconds);
}

function rowOf(subject: Subject, label: string): Row {
  const { p50, p99, p999 } = singly(subject);
  const { rates, garbage } = subject;
  return {
    engine: subject.engine.name,
    match: label,
    "decisions/s": Math.round(median(rates)),
    "ns each": Math.round(1e9 / median(rates)),
    "p50 µs": p50.toFixed(2),
    "p99 µs": p99.toFixed(2),
    "p99.9 µs": p999.toFixed(2),
    "GC runs": garbage.reduce((sum, { collections }) => sum + collections, 0),
    "GC ms": garbage.reduce((sum, { milliseconds }) => sum + milliseconds, 0).toFixed(1),
  };
}
