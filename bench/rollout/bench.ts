import { createRandomDocuments, seededRandom } from "../../test/support/rollout-changes.ts";
import { startRolloutLoad } from "../../test/support/rollout-load.ts";
import { type ChangeTime, type Run, runChanges, runKills, runPartitions } from "../../test/support/rollout-run.ts";
import { publishTo, startRolloutWorld, untilLive, untilWhole } from "../../test/support/rollout-world.ts";
import { sampleModel, sampleObjective } from "../../test/support/sample-documents.ts";
import { type Row, report } from "../report.ts";

/** The same changes and requests again: `ROLLOUT_SEED=... npm run bench -- rollout`. */
const seed = Number(process.env.ROLLOUT_SEED ?? Math.floor(Math.random() * 2 ** 31));
const changes = Number(process.env.ROLLOUT_CHANGES ?? 1000);
const kills = Number(process.env.ROLLOUT_KILLS ?? 20);
const changesPerKill = 10;
const rollbacks = Number(process.env.ROLLOUT_ROLLBACKS ?? 100);
const objectives = Number(process.env.ROLLOUT_OBJECTIVES ?? 10_000);
const partitionMs = Number(process.env.ROLLOUT_PARTITION_MS ?? 30_000);
/** Between two requests of a client. With 2 ms, the clients alone would keep one of two processors busy, and what is measured waits. */
const pauseMs = Number(process.env.ROLLOUT_PAUSE_MS ?? 20);
/** Before the first change: processes that have just started are slow. */
const warmUpRequests = 1000;
/** How long after an Envoy was killed the loss of a connection is put down to that. */
const excusedMs = 2000;

/**
 * What a change costs, and how soon it is live everywhere: a steady load (HTTP/1.1, HTTP/2 and gRPC; by hand, by the SDK, keyed and
 * one-call) through 2 resolvers and 2 Envoys with 2 xds-servers, 6 shards and 10,000 objectives, while documents change at
 * random; then rollbacks; then the same while processes are killed with -9, and while they are cut off from one another. There is no peer to compare with: no other
 * model router tells when a change is live.
 */
export async function run(): Promise<void> {
  console.log(`ROLLOUT_SEED=${seed}, ${objectives} objectives`);
  const world = await startRolloutWorld({ environment: { LOG_LEVEL: "warn" } });
  const random = seededRandom(seed);
  const randomRequest = seededRandom(seed + 1);
  const documents = createRandomDocuments({ random, models: world.models });
  const store = await world.store();
  const fill = async () => {
    await untilLive(world, await publishTo(store, documents.initial()));
    await untilLive(world, await publishMany(store, objectives), { timeoutMs: 600_000 });
    await untilWhole(world);
    documents.valid.settled();
  };
  await fill().catch(async (error: unknown) => {
    await world.stop();
    throw error;
  });
  let envoyKilledAt = Number.NEGATIVE_INFINITY;
  const load = startRolloutLoad({
    ...{ ...world, valid: documents.valid, random: randomRequest, pauseMs },
    objective: (protocol) => documents.objectiveFor(protocol, randomRequest),
    isExcused: () => performance.now() - envoyKilledAt < excusedMs,
  });
  const running = { world, documents, load };
  try {
    // A client that decides by itself is waited for by every change, and takes a while to start.
    await load.untilUnderWay();
    await load.untilAnswered(warmUpRequests);
    const live = await runChanges(running, changes);
    const back = await runRollbacks(running, rollbacks);
    const counted = { failed: load.failed.length, wrong: load.wrong.length };
    const victims = Array.from({ length: kills }, (_, n) => world.parts[n % world.parts.length]).flatMap(
      (part) => part ?? [],
    );
    const afterKills = await runKills(running, victims, changesPerKill, ({ kind }) => {
      if (kind === "envoy") envoyKilledAt = performance.now();
    });
    const afterPartitions = partitionMs > 0 ? await runPartitions(running, partitionMs) : [];
    console.table(Object.fromEntries(load.byClient));
    for (const mishaps of [load.failed, load.wrong]) for (const mishap of mishaps.slice(0, 5)) console.log(mishap);
    report("rollout", tableOf(live), {
      requests: load.answered(),
      failedRequests: counted.failed,
      wrongModelAnswers: counted.wrong,
      publishToLiveP50Ms: percentile(live, 50),
      publishToLiveP99Ms: percentile(live, 99),
      rollbackP99Ms: percentile(back, 99),
      failedRequestsWithKillsAndPartitions: load.failed.length - counted.failed,
      wrongModelAnswersWithKillsAndPartitions: load.wrong.length - counted.wrong,
      convergedAfterKillMaxMs: percentile(afterKills, 100),
      convergedAfterPartitionMaxMs: percentile(afterPartitions, 100),
    });
  } finally {
    await load.stop();
    await world.stop();
  }
}

/** Objectives that nobody asks for: what the table is full of. */
async function publishMany(store: Awaited<ReturnType<Run["world"]["store"]>>, count: number): Promise<number> {
  let revision = await publishTo(store, { documents: [sampleModel("many", { "1": ["extra"] })] });
  for (let from = 0; from < count; from += 500) {
    const names = Array.from({ length: Math.min(500, count - from) }, (_, n) => `many-${from + n}`);
    revision = await publishTo(store, { documents: names.map((name) => sampleObjective(name, "many", "1")) });
  }
  return revision;
}

/** From the command to the last answer by the old choice, over every resolver and Envoy. */
async function runRollbacks({ world, documents, load }: Run, count: number): Promise<ChangeTime[]> {
  const [name = ""] = documents.objectives;
  const store = await world.store();
  const model = sampleModel(name, { bad: ["extra"], good: ["extra"] });
  const choose = async (version: string) => {
    documents.valid.note(name, [`${name}@${version}`]);
    const change = { documents: [model, sampleObjective(name, name, version, { policy: { ttlMs: 0 } })] };
    await untilLive(world, await publishTo(store, change));
    documents.valid.settled();
  };
  const times: ChangeTime[] = [];
  for (let n = 0; n < count; n++) {
    await choose("bad");
    await load.untilAnswered(20);
    const startedAt = performance.now();
    await choose("good");
    await load.untilAnswered(50);
    const last = load.lastAnswered.get(`${name} ${name}@bad`) ?? startedAt;
    times.push({ kind: "rollback", liveMs: Math.max(0, last - startedAt) });
  }
  await untilLive(world, await publishTo(store, documents.whole()));
  documents.valid.settled();
  return times;
}

function tableOf(times: readonly ChangeTime[]): Row[] {
  return [...Map.groupBy(times, ({ kind }) => kind)].map(([kind, own]) => ({
    change: kind,
    times: own.length,
    "live p50, ms": Math.round(percentile(own, 50)),
    "live p99, ms": Math.round(percentile(own, 99)),
  }));
}

function percentile(times: readonly ChangeTime[], percent: number): number {
  const sorted = times.map(({ liveMs }) => liveMs).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil((percent / 100) * sorted.length) - 1)] ?? 0;
}
