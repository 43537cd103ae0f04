import { rmSync } from "node:fs";
import { join } from "node:path";
import { makeTemporaryFolder } from "../../test/support/processes.ts";
import { type Figures, percentile, type Row, report } from "../report.ts";
import { type EnvoyFigures, type LazyFigures, measureEnvoy, measureLazyEnvoy } from "./envoy.ts";
import { comparePhases, type SideFigures } from "./phases.ts";
import { type EventLoop, type Files, type Side, type SideOptions, startSide } from "./side.ts";
import { changedRoutes, type TableOptions, tableResources, writeResources } from "./table.ts";

const streams = setting("BENCH_XDS_STREAMS", 1000);
const objectives = setting("BENCH_XDS_OBJECTIVES", 10_000);
const shards = setting("BENCH_XDS_SHARDS", 1000);
/** Changes that each server makes, in turn; fewer when they take longer than `changeSeconds` together. */
const changes = setting("BENCH_XDS_CHANGES", 20);
const changeSeconds = setting("BENCH_XDS_CHANGE_SECONDS", 60);
/** Streams that load their table at the same time: what bounds the memory of the simulated clients. */
const loading = setting("BENCH_XDS_LOADING", 100);
const keysPerObjective = setting("BENCH_XDS_KEYS_PER_OBJECTIVE", 10);
/** Few enough that a load generator keeps its connections to all of them busy. */
const envoyShards = setting("BENCH_XDS_ENVOY_SHARDS", 50);
const lazyObjectives = setting("BENCH_XDS_LAZY_OBJECTIVES", 100_000);
const throughputRounds = setting("BENCH_ROUNDS", 5);

/** Lazy objectives that are asked for a first time. */
const lazyRequests = 500;

/** A table so small that what a change costs beside the table shows. */
const smallTable = { objectives: 100, shards: 100, streams: 100, changes: 10 };

/**
 * The xds-server's protocol layer against a server built with go-control-plane, serving the same bytes to the same simulated
 * Envoys: 1,000 delta ADS streams, each over a connection of its own, that ACK. Both servers run all the time and each phase
 * (cold start, changes in turn, reconnect) is measured at one and then at the other, while the other is idle. Then the table
 * with 10 keys an objective in one real Envoy, and many lazy objectives in another.
 */
export async function run(): Promise<void> {
  const folder = makeTemporaryFolder();
  try {
    const small = await compare(folder, smallTable);
    const full = await compare(folder, { objectives, shards, streams, changes });
    const envoy = await measureEnvoy({ objectives, shards: envoyShards, keysPerObjective }, folder, throughputRounds);
    const lazySize = { objectives: lazyObjectives, shards: envoyShards, keysPerObjective: 1 };
    const lazy = await measureLazyEnvoy(lazySize, folder, lazyRequests);
    report("xds", rowsOf(full), figuresOf(full, small, envoy, lazy));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

type Comparison = { readonly ours: SideFigures; readonly theirs: SideFigures };
type Size = {
  readonly objectives: number;
  readonly shards: number;
  readonly streams: number;
  readonly changes: number;
};

async function compare(folder: string, size: Size): Promise<Comparison> {
  const files = writeFiles(folder, size);
  const options: SideOptions = { streams: size.streams, loading, files };
  const sides: Side[] = [];
  try {
    sides.push(await startSide("signalbox", options), await startSide("go-control-plane", options));
    const [ours, theirs] = await comparePhases(sides, { ...size, changeSeconds });
    if (!ours || !theirs) throw new Error("a side was not measured");
    return { ours, theirs };
  } finally {
    for (const side of sides) await side.stop();
  }
}

function writeFiles(folder: string, size: Size): Files {
  const listener = { address: "127.0.0.1", port: 10_000, accessLog: "off" };
  const options: TableOptions = { ...size, keysPerObjective: 1, backendPort: 8080, listener };
  const files = {
    table: join(folder, `${size.objectives}.table`),
    changes: join(folder, `${size.objectives}.changes`),
  };
  writeResources(files.table, tableResources(options));
  writeResources(files.changes, changedRoutes(options, size.changes));
  return files;
}

function rowsOf({ ours, theirs }: Comparison): Row[] {
  const row = (what: string, value: (side: SideFigures) => number) => {
    const [own, peer] = [value(ours), value(theirs)];
    return { what, signalbox: rounded(own), "go-control-plane": rounded(peer), ratio: rounded(own / peer) };
  };
  const eventLoop = Object.entries(ours.eventLoop).flatMap(([phase, { delay, turns }]) => [
    { what: `event loop delay, ${phase}, ms`, signalbox: listed(delay) },
    { what: `event loop turns, ${phase}, by ms of CPU`, signalbox: listed(turns.histogram) },
    {
      what: `event loop longest turn, ${phase}, ms of CPU`,
      signalbox: listed({
        turn: turns.maxMs,
        "without garbage": turns.maxWithoutGarbageMs,
        "longest collection": turns.garbageMaxMs,
      }),
    },
  ]);
  return [
    row("cold start of all streams, s", (side) => side.sync.milliseconds / 1000),
    row("cold start, CPU of the server, s", (side) => side.cpuMs.sync / 1000),
    row("cold start, MB sent", (side) => side.sync.totals.readBytes / 1e6),
    row("change until all streams acked, median, ms", (side) => percentile(side.changes.map(last), 50)),
    row("change until all streams acked, p99, ms", (side) => percentile(side.changes.map(last), 99)),
    row("change until one stream acked, p99, ms", (side) => percentile(side.changes.flat(), 99)),
    row("change, CPU of the server, ms", (side) => side.cpuMs.changes / side.changes.length),
    row("changes measured", (side) => side.changes.length),
    row("bytes sent per change and stream", (side) => side.bytesPerChange),
    row("reconnect of all streams, s", (side) => side.reconnect.milliseconds / 1000),
    row("reconnect, CPU of the server, s", (side) => side.cpuMs.reconnect / 1000),
    row("reconnect, MB received", (side) => side.reconnect.totals.writtenBytes / 1e6),
    row("streams opened again after a refusal", (side) => side.sync.totals.retries + side.reconnect.totals.retries),
    row("reconnect, MB sent", (side) => side.reconnect.totals.readBytes / 1e6),
    row("resident memory after the changes, MiB", (side) => side.rssMiB.changes),
    row("resident memory after the reconnect, MiB", (side) => side.rssMiB.reconnect),
    ...eventLoop,
  ];
}

function figuresOf({ ours, theirs }: Comparison, small: Comparison, envoy: EnvoyFigures, lazy: LazyFigures): Figures {
  const ratio = (value: (side: SideFigures) => number) => value(ours) / value(theirs);
  const changeP99 = ({ changes }: SideFigures) => percentile(changes.map(last), 99);
  const wireBytes = ({ reconnect: { totals } }: SideFigures) => totals.readBytes + totals.writtenBytes;
  return {
    changeToAckedP99Ratio: ratio(changeP99),
    changeToAckedP99Ms: changeP99(ours),
    bytesPerChange: ours.bytesPerChange,
    bytesPerChangeAt100Objectives: small.ours.bytesPerChange,
    fullSyncRatio: ratio((side) => side.sync.milliseconds),
    fullSyncCpuRatio: ratio((side) => side.cpuMs.sync),
    reconnectStormRatio: ratio((side) => side.reconnect.milliseconds),
    reconnectStormCpuRatio: ratio((side) => side.cpuMs.reconnect),
    reconnectStormBytesRatio: ratio(wireBytes),
    rssRatio: ratio((side) => side.rssMiB.changes),
    eventLoopDelayMaxMs: longest(ours, ({ delay }) => delay.maxMs),
    eventLoopLongestTurnCpuMs: longest(ours, ({ turns }) => turns.maxMs),
    eventLoopLongestTurnWithoutGarbageCpuMs: longest(ours, ({ turns }) => turns.maxWithoutGarbageMs),
    eventLoopGarbageMaxMs: longest(ours, ({ turns }) => turns.garbageMaxMs),
    envoyKiBPerRoutingKey: envoy.kibPerRoutingKey,
    envoyReadyMs: envoy.readyMs,
    requestsPerSecondAllKeys: envoy.requestsPerSecond.allKeys,
    requestsPerSecondRatio: envoy.throughputRatio,
    envoyLazyObjectivesMiB: lazy.allocatedMiB,
    lazyFirstRequestP99Ms: percentile(lazy.firstRequestMs, 99),
  };
}

const longest = ({ eventLoop }: SideFigures, value: (loop: EventLoop) => number) =>
  Math.max(...Object.values(eventLoop).map(value));
const listed = (values: Readonly<Record<string, number>>) =>
  Object.entries(values)
    .map(([name, value]) => `${name.replace("Ms", "")} ${rounded(value)}`)
    .join(", ");
const last = (values: readonly number[]) => values.at(-1) ?? Number.NaN;
const rounded = (value: number) => Number(value.toPrecision(3));

/** A size of this run, from the environment. */
function setting(variable: string, standard: number): number {
  const value = Number(process.env[variable] ?? standard);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${variable} has to be a whole number from 1 on`);
  return value;
}
