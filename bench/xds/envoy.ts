import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { renderBootstrap } from "../../envoy/bootstrap.ts";
import { startEnvoy, type TestEnvoy } from "../../test/support/envoy.ts";
import { freePorts } from "../../test/support/ports.ts";
import { answers, eventually, type Running, startProcess } from "../../test/support/processes.ts";
import { median } from "../report.ts";
import { requireWrk, runWrk } from "../wrk.ts";
import { startOwnServer } from "./side.ts";
import { type TableSize, tableResources, writeResources } from "./table.ts";

const script = fileURLToPath(new URL("./load.lua", import.meta.url));
const secondsPerRun = 2;

export type EnvoyFigures = {
  /** Memory that Envoy allocated for the table beyond that of a table with one key, by key. */
  readonly kibPerRoutingKey: number;
  /** From the start of Envoy until it has the last objective's route. */
  readonly readyMs: number;
  readonly requestsPerSecond: { readonly oneKey: number; readonly allKeys: number };
  /** The median of the rounds' own ratios. */
  readonly throughputRatio: number;
};

/** What a table of that size costs one real Envoy, compared with a table of one routing key and as many shards. */
export async function measureEnvoy(size: TableSize, folder: string, rounds: number): Promise<EnvoyFigures> {
  requireWrk();
  const [backendPort = 0] = await freePorts(1);
  const running: Running[] = [];
  try {
    running.push(await startBackend(folder, backendPort));
    const one = await startServed(
      { objectives: 1, shards: size.shards, keysPerObjective: 1 },
      folder,
      backendPort,
      running,
    );
    const all = await startServed(size, folder, backendPort, running);
    const [small, large] = [await allocatedKiB(one.envoy), await allocatedKiB(all.envoy)];
    // Opens the connections to the shards.
    for (const each of [one, all]) await load(each);
    const results = { oneKey: [] as number[], allKeys: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      results.oneKey.push(await load(one));
      results.allKeys.push(await load(all));
    }
    const ratios = results.allKeys.map((value, round) => value / (results.oneKey[round] ?? Number.NaN));
    return {
      kibPerRoutingKey: (large - small) / (size.objectives * size.keysPerObjective - 1),
      readyMs: all.readyMs,
      requestsPerSecond: { oneKey: median(results.oneKey), allKeys: median(results.allKeys) },
      throughputRatio: median(ratios),
    };
  } finally {
    for (const process of running.reverse()) await process.stop();
  }
}

export type LazyFigures = {
  /** All memory that Envoy allocated once it holds the scopes. */
  readonly allocatedMiB: number;
  /** First requests for objectives, each of which has to be loaded for it. */
  readonly firstRequestMs: readonly number[];
};

/** What so many lazy objectives cost one real Envoy, and the first request for some of them. */
export async function measureLazyEnvoy(size: TableSize, folder: string, requests: number): Promise<LazyFigures> {
  const [backendPort = 0] = await freePorts(1);
  const running: Running[] = [];
  try {
    running.push(await startBackend(folder, backendPort));
    const { envoy, url } = await startServed({ ...size, loading: "lazy" }, folder, backendPort, running);
    const allocatedMiB = (await allocatedKiB(envoy)) / 1024;
    const firstRequestMs: number[] = [];
    for (let request = 0; request < requests; request++) {
      const startedAt = performance.now();
      const index = Math.floor((request * (size.objectives - 1)) / requests);
      if (!(await serves(url, size, index))) throw new Error(`objective ${index} was not loaded`);
      firstRequestMs.push(performance.now() - startedAt);
    }
    return { allocatedMiB, firstRequestMs };
  } finally {
    for (const process of running.reverse()) await process.stop();
  }
}

type Served = { readonly envoy: TestEnvoy; readonly url: string; readonly size: TableSize; readonly readyMs: number };

async function startServed(size: TableSize, folder: string, backendPort: number, running: Running[]): Promise<Served> {
  const [port = 0, controlPort = 0, listenerPort = 0, adminPort = 0] = await freePorts(4);
  const listener = { address: "127.0.0.1", port: listenerPort, accessLog: "off" };
  const table = join(folder, `envoy-${size.objectives}.table`);
  writeResources(table, tableResources({ ...size, backendPort, listener }));
  running.push(await startOwnServer({ table, changes: table }, port, controlPort));
  const startedAt = performance.now();
  const bootstrap = renderBootstrap({ xdsPort: port, adminPort });
  const envoy = await startEnvoy(bootstrap, adminPort, { concurrency: 1, logLevel: "error" });
  running.push(envoy);
  const url = `http://127.0.0.1:${listenerPort}`;
  await eventually("Envoy routes the last key", () => serves(url, size, size.objectives - 1), 120_000);
  return { envoy, url, size, readyMs: performance.now() - startedAt };
}

/** Whether the last key of an objective is answered by its own route. */
async function serves(url: string, { shards, keysPerObjective }: TableSize, index: number): Promise<boolean> {
  const objective = String(index).padStart(6, "0");
  const model = String(index % shards).padStart(4, "0");
  const key = `default/objective-${objective}/ranker-${model}@${keysPerObjective - 1}`;
  const response = await fetch(`${url}/infer`, { method: "POST", headers: { "x-routing-key": key }, body: "{}" });
  await response.arrayBuffer();
  return response.status === 200 && !response.headers.has("x-signalbox-fallback");
}

async function allocatedKiB(envoy: TestEnvoy): Promise<number> {
  const { allocated } = JSON.parse(await envoy.admin("/memory")) as { allocated: string };
  return Number(allocated) / 1024;
}

async function load({ url, size }: Served): Promise<number> {
  const scriptArguments = [size.objectives, size.shards, size.keysPerObjective].map(String);
  const result = await runWrk({ url, connections: 16, seconds: secondsPerRun, script, scriptArguments });
  if (result.errors > 0) throw new Error(`${url} answered ${result.errors} requests with errors`);
  return result.requestsPerSecond;
}

async function startBackend(folder: string, port: number): Promise<Running> {
  const source = fileURLToPath(new URL("../data-plane/backend/main.go", import.meta.url));
  const binary = join(folder, "backend");
  const build = spawnSync("go", ["build", "-o", binary, source], { encoding: "utf8" });
  if (build.status !== 0) throw new Error(`go build failed: ${build.stderr ?? build.error}`);
  return startProcess(binary, [String(port)], { ready: () => answers(`http://127.0.0.1:${port}/`) });
}
