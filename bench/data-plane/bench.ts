import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { envoyBinary } from "../../setup/paths.js";
import { freePorts } from "../../test/support/ports.ts";
import { answers, eventually, makeTemporaryFolder, type Running, startProcess } from "../../test/support/processes.ts";
import { type System, startSystem } from "../../test/support/system.ts";
import { publish } from "../publish.ts";
import { median, type Row, report } from "../report.ts";
import { requireWrk, runWrk, type WrkResult } from "../wrk.ts";
import { bareEnvoyConfiguration } from "./bare-envoy.ts";
import { documents } from "./documents.ts";
import { minimalEnvoyConfiguration } from "./minimal-envoy.ts";

const script = fileURLToPath(new URL("./load.lua", import.meta.url));
const sizes = [
  { label: "1 KB", bytes: 1024 },
  { label: "64 KB", bytes: 64 * 1024 },
  { label: "1 MB", bytes: 1024 * 1024 },
  { label: "10 MB", bytes: 10 * 1024 * 1024 },
] as const;
const rounds = Number(process.env.BENCH_ROUNDS ?? 5);
/** Of throughput, whose ratios are close to 1, there are twice as many. */
const throughputRounds = 2 * rounds;
const secondsPerRun = 2;

type Target = {
  readonly name: string;
  readonly url: string;
  readonly keys: number;
  /** Another process of the same Envoy in its place; waits until it serves. */
  readonly restart?: () => Promise<void>;
};
/** Medians of the rounds, and each round. */
type Measured = { readonly p50Ms: number; readonly p99Ms: number; readonly results: readonly WrkResult[] };

/**
 * What the data plane costs. Bodies go direct to the model server; through a minimal Envoy (one static route, not one
 * feature more); through a bare Envoy (one static route, and the same headers, retries, timeouts and limits as
 * Signalbox's); through Signalbox's Envoy with 1 and with 10,000 routing keys; and through a Node proxy that parses and
 * re-serialises JSON. Every Envoy has one worker and writes no access log, but for the one that shows its price.
 *
 * Targets take turns within each round, and ratios are medians of the rounds' own ratios, so that a drift of the machine
 * meets both sides. Two processes of one Envoy with one configuration differ by up to 8 % for as long as they live, by where
 * things came to lie in memory, so every round of throughput has processes of its own.
 */
export async function run(): Promise<void> {
  requireWrk();
  const folder = makeTemporaryFolder();
  const [backendPort = 0, minimalPort = 0, minimalAdminPort = 0, barePort = 0, bareAdminPort = 0, proxyPort = 0] =
    await freePorts(6);
  const running: { stop(): Promise<void> }[] = [];
  const systems: System[] = [];
  try {
    running.push(await startBackend(folder, backendPort));
    const minimal = minimalEnvoyConfiguration({ folder, port: minimalPort, adminPort: minimalAdminPort, backendPort });
    const minimalEnvoy = await startStatically(minimal, minimalAdminPort);
    running.push(minimalEnvoy);
    const bare = bareEnvoyConfiguration({ folder, port: barePort, adminPort: bareAdminPort, backendPort });
    const bareEnvoy = await startStatically(bare, bareAdminPort);
    running.push(bareEnvoy);
    running.push(await startProxy(proxyPort, backendPort));
    systems.push(await startWithKeys(1, backendPort, "off"));
    systems.push(await startWithKeys(10_000, backendPort, "off"));
    systems.push(await startWithKeys(1, backendPort, join(folder, "access.log")));
    const [oneKey, manyKeys, logging] = systems as [System, System, System];
    const targets: Target[] = [
      { name: "direct", url: `http://127.0.0.1:${backendPort}`, keys: 1 },
      { name: "minimal Envoy", url: `http://127.0.0.1:${minimalPort}`, keys: 1, restart: minimalEnvoy.restart },
      { name: "bare Envoy", url: `http://127.0.0.1:${barePort}`, keys: 1, restart: bareEnvoy.restart },
      signalbox("Signalbox, 1 key", oneKey, 1),
      signalbox("Signalbox, 10,000 keys", manyKeys, 10_000),
      signalbox("Signalbox, 1 key, access log", logging, 1),
      { name: "re-serialising proxy", url: `http://127.0.0.1:${proxyPort}`, keys: 1 },
    ];
    await measureAll(targets);
  } finally {
    for (const system of systems) await system.stop();
    for (const process of running) await process.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measureAll(targets: readonly Target[]): Promise<void> {
  const rows: Row[] = [];
  const latency = new Map<string, Map<string, Measured>>();
  for (const { label, bytes } of sizes) {
    const measured = await takeTurns(targets, bytes, 1, rounds);
    latency.set(label, measured);
    for (const [target, { p50Ms, p99Ms }] of measured) rows.push({ body: label, connections: 1, target, p50Ms, p99Ms });
  }
  const throughput = await takeTurns(targets, 1024, 16, throughputRounds, { restarting: true });
  for (const [target, { results, p99Ms }] of throughput) {
    const requestsPerSecond = Math.round(median(results.map((result) => result.requestsPerSecond)));
    rows.push({ body: "1 KB", connections: 16, target, requestsPerSecond, p99Ms });
  }
  const throughputRatio = (ours: string, theirs: string) => {
    const [a = [], b = []] = [throughput.get(ours)?.results, throughput.get(theirs)?.results];
    return median(a.map((result, round) => result.requestsPerSecond / (b[round]?.requestsPerSecond ?? Number.NaN)));
  };
  const added = (label: string, target: string) =>
    (latency.get(label)?.get(target)?.p50Ms ?? Number.NaN) - (latency.get(label)?.get("direct")?.p50Ms ?? Number.NaN);
  report("data-plane", rows, {
    throughputVsBareEnvoyRatio: throughputRatio("Signalbox, 1 key", "bare Envoy"),
    throughputVsMinimalEnvoyRatio: throughputRatio("Signalbox, 1 key", "minimal Envoy"),
    throughputAt10kKeysRatio: throughputRatio("Signalbox, 10,000 keys", "Signalbox, 1 key"),
    throughputWithAccessLogRatio: throughputRatio("Signalbox, 1 key, access log", "Signalbox, 1 key"),
    addedLatencyVsReserialisingRatio: added("1 MB", "Signalbox, 10,000 keys") / added("1 MB", "re-serialising proxy"),
    addedP50Ms1KB: added("1 KB", "Signalbox, 10,000 keys"),
    addedP50Ms64KB: added("64 KB", "Signalbox, 10,000 keys"),
    addedP50Ms1MB: added("1 MB", "Signalbox, 10,000 keys"),
    addedP50Ms10MB: added("10 MB", "Signalbox, 10,000 keys"),
  });
}

/**
 * Measures every target once per round, when `restarting` in a process of its own that has answered for a second; an answer
 * that is an error fails the benchmark.
 */
async function takeTurns(
  targets: readonly Target[],
  bytes: number,
  connections: number,
  times: number,
  { restarting = false } = {},
): Promise<Map<string, Measured>> {
  const results = new Map<string, WrkResult[]>(targets.map(({ name }) => [name, []]));
  for (let round = 0; round < times; round++) {
    if (restarting) for (const { restart } of targets) await restart?.();
    for (const { name, url, keys } of targets) {
      const load = (seconds: number) =>
        runWrk({ url, connections, seconds, script, scriptArguments: [String(bytes), String(keys)] });
      if (restarting) await load(1);
      const result = await load(secondsPerRun);
      if (result.errors > 0)
        throw new Error(`${name} answered ${result.errors} requests of ${bytes} bytes with errors`);
      results.get(name)?.push(result);
    }
  }
  return new Map(
    [...results].map(([name, all]) => [
      name,
      {
        p50Ms: median(all.map((result) => result.p50Ms)),
        p99Ms: median(all.map((result) => result.p99Ms)),
        results: all,
      },
    ]),
  );
}

async function startBackend(folder: string, port: number): Promise<Running> {
  const source = fileURLToPath(new URL("./backend/main.go", import.meta.url));
  const binary = join(folder, "backend");
  const build = spawnSync("go", ["build", "-o", binary, source], { encoding: "utf8" });
  if (build.error)
    throw new Error("go is not installed; the model server of this benchmark is written in it (https://go.dev)");
  if (build.status !== 0) throw new Error(`go build failed:\n${build.stderr}`);
  return await startProcess(binary, [String(port)], { ready: () => answers(`http://127.0.0.1:${port}/`) });
}

async function startProxy(port: number, backendPort: number): Promise<Running> {
  const main = fileURLToPath(new URL("./reserialising-proxy.ts", import.meta.url));
  const post = () => fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: "{}" });
  return await startProcess(process.execPath, [main, String(port), String(backendPort)], {
    ready: async () => (await post()).ok,
  });
}

async function startStatically(file: string, adminPort: number) {
  const start = () =>
    startProcess(
      envoyBinary() ?? "envoy",
      ["--config-path", file, "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"],
      { ready: () => answers(`http://127.0.0.1:${adminPort}/ready`) },
    );
  let running = await start();
  return {
    stop: () => running.stop(),
    restart: async () => {
      await running.stop();
      running = await start();
    },
  };
}

function signalbox(name: string, system: System, keys: number): Target {
  const restart = async () => {
    await system.parts.envoy.kill();
    await system.parts.envoy.start();
    await untilServed(system, keys);
  };
  return { name, url: system.envoyUrl, keys, restart };
}

/** A whole Signalbox whose Envoy holds `keys` routing keys, all placed on one shard. */
async function startWithKeys(keys: number, backendPort: number, accessLog: string): Promise<System> {
  const system = await startSystem({ ENVOY_ACCESS_LOG: accessLog });
  await publish(
    system.natsUrl,
    documents({ objectives: Math.ceil(keys / 10), versions: Math.min(keys, 10), backendPort }),
  );
  await untilServed(system, keys);
  return system;
}

async function untilServed({ envoyUrl }: System, keys: number): Promise<void> {
  const last = `default/objective-${Math.ceil(keys / 10) - 1}/ranker@${Math.min(keys, 10) - 1}`;
  await eventually(
    `Envoy serves ${last}`,
    async () => {
      const headers = { "x-routing-key": last };
      const response = await fetch(`${envoyUrl}/infer`, { method: "POST", headers, body: "{}" });
      return response.headers.get("x-signalbox-model") === last.split("/")[2];
    },
    60_000,
  );
}
