import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../../test/support/ports.ts";
import { answers, eventually, makeTemporaryFolder, type Running, startProcess } from "../../test/support/processes.ts";
import { type System, startSystem } from "../../test/support/system.ts";
import { publish } from "../publish.ts";
import { type Figures, median, type Row } from "../report.ts";
import { cpuSeconds } from "../resolve/cpu-time.ts";
import { type Garbage, garbageBetween, garbageColumns, garbageOf } from "../resolve/garbage.ts";
import { requireWrk, runWrk, type WrkResult } from "../wrk.ts";
import { documents } from "./documents.ts";

const script = fileURLToPath(new URL("./load.lua", import.meta.url));
const rounds = Number(process.env.BENCH_ROUNDS ?? 5);
/** Of throughput, whose ratios are close to one another, there are twice as many. */
const throughputRounds = 2 * rounds;
const secondsPerRun = Number(process.env.BENCH_SECONDS ?? 2);

type Target = { readonly name: string; readonly url: string; readonly listener: string; readonly objective: string };
type Round = WrkResult & {
  readonly envoyMicroseconds: number;
  readonly resolverMicroseconds: number;
  readonly garbage: Garbage;
};

/**
 * What selecting inside the proxy hop costs: the one-call listener with the rules inside Envoy, and with the resolver,
 * next to the keyed listener of the same Envoy. Requests of 1 KB; the Envoy has one worker and writes no access log.
 * Targets take turns within each round, and ratios are medians of the rounds' own ratios. Processes of one Envoy differ for
 * as long as they live (ADR 067), so every round of throughput has one of its own.
 */
export async function measureOneCall(): Promise<{ readonly rows: readonly Row[]; readonly figures: Figures }> {
  requireWrk();
  const folder = makeTemporaryFolder();
  let backend: Running | undefined;
  let system: System | undefined;
  try {
    const backendPort = await freePort();
    backend = await startBackend(folder, backendPort);
    system = await startSystem({ ENVOY_ACCESS_LOG: "off", LOG_LEVEL: "warn" });
    await publish(system.natsUrl, documents(backendPort));
    const targets: Target[] = [
      { name: "keyed", url: system.envoyUrl, listener: "keyed", objective: "embedded" },
      { name: "one call, embedded", url: system.oneCallUrl, listener: "one-call", objective: "embedded" },
      { name: "one call, resolver", url: system.oneCallUrl, listener: "one-call", objective: "resolver" },
    ];
    await untilDecided(system.oneCallUrl);
    return await measureAll(targets, system);
  } finally {
    await system?.stop();
    await backend?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measureAll(targets: readonly Target[], system: System) {
  const many = await takeTurns(targets, system, { connections: 16, times: throughputRounds, restarting: true });
  const single = await takeTurns(targets, system, { connections: 1, times: rounds, restarting: false });
  const rows = [
    ...[...many].map(([name, results]) => row(name, 16, results)),
    ...[...single].map(([name, results]) => row(name, 1, results)),
  ];
  /** The median over the rounds of `ours` to the keyed listener of the same round. */
  const ratio = (all: ReadonlyMap<string, readonly Round[]>, ours: string, figure: (round: Round) => number) => {
    const [own = [], keyed = []] = [all.get(ours), all.get("keyed")];
    return median(own.map((round, index) => figure(round) / figure(keyed[index] as Round)));
  };
  const figures = {
    embeddedVsKeyedRatio: ratio(many, "one call, embedded", (round) => round.requestsPerSecond),
    embeddedVsKeyedCpuRatio: 1 / ratio(many, "one call, embedded", (round) => round.envoyMicroseconds),
    embeddedVsKeyedP50Ratio: ratio(single, "one call, embedded", (round) => round.p50Ms),
    oneCallVsKeyedP50Ratio: ratio(single, "one call, resolver", (round) => round.p50Ms),
    oneCallVsKeyedRatio: ratio(many, "one call, resolver", (round) => round.requestsPerSecond),
  };
  return { rows, figures };
}

function row(target: string, connections: number, results: readonly Round[]): Row {
  const middle = (figure: (round: Round) => number) => median(results.map(figure));
  return {
    target,
    connections,
    "requests/s": Math.round(middle((each) => each.requestsPerSecond)),
    "Envoy CPU µs each": middle((each) => each.envoyMicroseconds).toFixed(1),
    "resolver CPU µs each": middle((each) => each.resolverMicroseconds).toFixed(1),
    ...garbageColumns(results.map(({ garbage }) => garbage)),
    "p50 ms": middle((each) => each.p50Ms).toFixed(3),
    "p99 ms": middle((each) => each.p99Ms).toFixed(3),
    "p99.9 ms": middle((each) => each.p999Ms).toFixed(3),
  };
}

type Turns = {
  readonly connections: number;
  readonly times: number;
  /** Whether each round has an Envoy of its own. */
  readonly restarting: boolean;
};

/** Each target is warmed up before its first round in a process. */
async function takeTurns(
  targets: readonly Target[],
  system: System,
  { connections, times, restarting }: Turns,
): Promise<Map<string, Round[]>> {
  const results = new Map<string, Round[]>(targets.map(({ name }) => [name, []]));
  for (let round = 0; round < times; round++) {
    if (restarting) await restartEnvoy(system);
    for (const target of targets) {
      if (restarting || round === 0) await load(target, connections, 1);
      results.get(target.name)?.push(await measure(target, system, connections));
    }
  }
  return results;
}

async function restartEnvoy({ parts, oneCallUrl }: System): Promise<void> {
  await parts.envoy.kill();
  await parts.envoy.start();
  await untilDecided(oneCallUrl);
}

async function measure(target: Target, { parts, resolverUrl }: System, connections: number): Promise<Round> {
  const processors = () => [parts.envoy, parts.resolver].map((part) => cpuSeconds(part.running().processId));
  const before = processors();
  const garbageBefore = await garbageOf(resolverUrl);
  const result = await load(target, connections, secondsPerRun);
  const [envoyMicroseconds = 0, resolverMicroseconds = 0] = processors().map(
    (seconds, index) => ((seconds - (before[index] ?? 0)) * 1e6) / result.requests,
  );
  const garbage = garbageBetween(garbageBefore, await garbageOf(resolverUrl));
  return { ...result, envoyMicroseconds, resolverMicroseconds, garbage };
}

async function load(
  { name, url, listener, objective }: Target,
  connections: number,
  seconds: number,
): Promise<WrkResult> {
  const result = await runWrk({ url, connections, seconds, script, scriptArguments: [listener, objective] });
  if (result.errors > 0) throw new Error(`${name} answered ${result.errors} requests with errors`);
  return result;
}

/** Until both objectives are decided by their rules, and not by default. */
async function untilDecided(url: string): Promise<void> {
  for (const objective of ["embedded", "resolver"]) {
    await eventually(`the objective ${objective} is decided`, async () => {
      const headers = {
        "x-signalbox-objective": `default/${objective}`,
        "x-signalbox-context-userid": "user-1",
        "x-signalbox-context-device": "tv",
      };
      const response = await fetch(`${url}/infer`, { method: "POST", headers, body: "{}" });
      await response.arrayBuffer();
      return response.status === 200 && !response.headers.has("x-signalbox-fallback");
    });
  }
}

async function startBackend(folder: string, port: number): Promise<Running> {
  const source = fileURLToPath(new URL("../data-plane/backend/main.go", import.meta.url));
  const binary = join(folder, "backend");
  const build = spawnSync("go", ["build", "-o", binary, source], { encoding: "utf8" });
  if (build.error)
    throw new Error("go is not installed; the benchmark's model server is written in it (https://go.dev)");
  if (build.status !== 0) throw new Error(`go build failed:\n${build.stderr}`);
  return await startProcess(binary, [String(port)], { ready: () => answers(`http://127.0.0.1:${port}/`) });
}
