import { fileURLToPath } from "node:url";
import type { Running } from "../../test/support/processes.ts";
import { postJson } from "../../test/support/resolver-client.ts";
import { median, type Row } from "../report.ts";
import { runWrk } from "../wrk.ts";
import { cpuSeconds } from "./cpu-time.ts";
import { type Garbage, garbageBetween, garbageColumns, garbageOf } from "./garbage.ts";
import { askedCountry, device } from "./rule-set.ts";

const script = fileURLToPath(new URL("./load.lua", import.meta.url));
const connections = 16;
const secondsPerRun = Number(process.env.BENCH_SECONDS ?? 2);

/** A server under load. `objectives` is how many the requests ask for in turn; of one, `name` is its name. */
export type HttpTarget = {
  readonly label: string;
  readonly url: string;
  /** Where it tells of its garbage collector; `url` when absent. */
  readonly metricsUrl?: string;
  readonly running: Running;
  readonly objectives: number;
  readonly name: string;
};

/** What one server did in each round. */
export type ServerMeasured = {
  readonly label: string;
  readonly requestsPerSecond: number[];
  /** CPU of the server, which does not depend on what else the machine does. */
  readonly cpuMicroseconds: number[];
  readonly p50Ms: number[];
  readonly p99Ms: number[];
  readonly p999Ms: number[];
  readonly garbage: Garbage[];
};

export function serverMeasured(label: string): ServerMeasured {
  return { label, requestsPerSecond: [], cpuMicroseconds: [], p50Ms: [], p99Ms: [], p999Ms: [], garbage: [] };
}

export const requestBody = {
  objective: "bench",
  context: { userId: "user-1-0f3c9a52", country: askedCountry, device },
};

/** The answer that the resolver gives, for servers that repeat it. */
export async function answerOf(resolverUrl: string): Promise<string> {
  const { status, body } = await postJson(`${resolverUrl}/v1/resolve`, requestBody);
  if (status !== 200) throw new Error(`the resolver answers ${status}: ${JSON.stringify(body)}`);
  return JSON.stringify(body);
}

/** Loads the servers in turn, so many rounds, after one that is not counted. */
export async function measureHttp(targets: readonly HttpTarget[], rounds: number): Promise<readonly ServerMeasured[]> {
  const measured = targets.map((target) => ({ target, ...serverMeasured(target.label) }));
  for (let round = -1; round < rounds; round += 1) {
    for (const each of measured) {
      const { running, url, metricsUrl = url } = each.target;
      const { processId } = running;
      const garbageBefore = await garbageOf(metricsUrl);
      const before = cpuSeconds(processId);
      const { objectives, name } = each.target;
      const result = await runWrk({
        url,
        connections,
        seconds: secondsPerRun,
        script,
        scriptArguments: [String(objectives), name],
      });
      if (result.errors > 0) throw new Error(`${each.target.label}: ${result.errors} requests failed`);
      if (round < 0) continue;
      each.requestsPerSecond.push(result.requestsPerSecond);
      each.cpuMicroseconds.push(((cpuSeconds(processId) - before) * 1e6) / result.requests);
      each.p50Ms.push(result.p50Ms);
      each.p99Ms.push(result.p99Ms);
      each.p999Ms.push(result.p999Ms);
      each.garbage.push(garbageBetween(garbageBefore, await garbageOf(metricsUrl)));
    }
  }
  return measured;
}

export function serverRow(server: ServerMeasured): Row {
  const { label, requestsPerSecond, cpuMicroseconds, p50Ms, p99Ms, p999Ms, garbage } = server;
  return {
    server: label,
    "requests/s": Math.round(median(requestsPerSecond)),
    "CPU µs each": median(cpuMicroseconds).toFixed(1),
    "p50 ms": median(p50Ms).toFixed(3),
    "p99 ms": median(p99Ms).toFixed(3),
    "p99.9 ms": median(p999Ms).toFixed(3),
    ...garbageColumns(garbage),
  };
}

/** The median of the rounds' ratios: requests a second, and what the servers' own CPU time allows. */
export function serverRatios(
  own: ServerMeasured,
  peer: ServerMeasured,
): { readonly requests: number; readonly cpu: number } {
  const ratio = (mine: readonly number[], others: readonly number[]) =>
    median(mine.map((value, round) => value / (others[round] as number)));
  return {
    requests: ratio(own.requestsPerSecond, peer.requestsPerSecond),
    cpu: ratio(peer.cpuMicroseconds, own.cpuMicroseconds),
  };
}
