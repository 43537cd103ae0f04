import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { postJson } from "../../test/support/resolver-client.ts";
import { publishValid, validated } from "../publish.ts";
import type { Figures, Row } from "../report.ts";
import { type Garbage, garbageBetween, garbageColumns, garbageOf } from "./garbage.ts";
import type { ProbeResult } from "./probe-main.ts";
import { manyObjectives } from "./rule-set.ts";

const program = fileURLToPath(new URL("./probe-main.ts", import.meta.url));
const quietMs = 6000;
const updates = 3;

export type ProbedServer = { readonly label: string; readonly url: string; readonly metricsUrl: string };
type Probed = ProbeResult & { readonly garbage: Garbage };
/** What the resolver and the bare server did in the same time. */
type Pair = readonly [own: Probed, bare: Probed];

/**
 * How long single requests take while nothing changes, and while the resolver takes in new revisions of all its 10,000
 * objectives: to it, and to a bare server, which shows what is owed to the publisher, the store and the resolver wanting
 * the processors at the same time. Another process sends them, so that publishing does not keep them waiting. Of several
 * updates the middle one by the resolver's p99 counts, and the longest wait of them all.
 */
export async function measureUpdate(
  servers: readonly [own: ProbedServer, bare: ProbedServer],
  natsUrl: string,
): Promise<{ readonly rows: readonly Row[]; readonly figures: Figures }> {
  const quiet = await probe(servers, () => new Promise((resolve) => setTimeout(resolve, quietMs)));
  const all: { readonly pair: Pair; readonly seconds: number }[] = [];
  for (let number = 0; number < updates; number += 1) {
    const documents = validated(manyObjectives({ edition: Date.now() }));
    let seconds = 0;
    const pair = await probe(servers, async () => {
      const startedAt = performance.now();
      await untilRevision(servers[0].url, await publishValid(natsUrl, documents));
      seconds = (performance.now() - startedAt) / 1000;
    });
    all.push({ pair, seconds });
  }
  const middle = all.toSorted((a, b) => a.pair[0].p99 - b.pair[0].p99)[Math.floor(updates / 2)] as (typeof all)[number];
  const rows = (when: string, pair: Pair) => pair.map((each, index) => row(when, servers[index]?.label ?? "", each));
  const [own, bare] = middle.pair;
  return {
    rows: [...rows("quiet", quiet), ...all.flatMap(({ pair }, index) => rows(`update ${index + 1}`, pair))],
    figures: {
      quietP50Ms: quiet[0].p50 / 1000,
      quietP99Ms: quiet[0].p99 / 1000,
      quietP999Ms: quiet[0].p999 / 1000,
      quietBareP99Ms: quiet[1].p99 / 1000,
      duringUpdateP50Ms: own.p50 / 1000,
      duringUpdateP99Ms: own.p99 / 1000,
      duringUpdateP999Ms: own.p999 / 1000,
      duringUpdateBareP50Ms: bare.p50 / 1000,
      duringUpdateBareP99Ms: bare.p99 / 1000,
      duringUpdateLongestMs: Math.max(...all.map(({ pair }) => pair[0].longest)) / 1000,
      duringUpdateBareLongestMs: Math.max(...all.map(({ pair }) => pair[1].longest)) / 1000,
      updateSeconds: middle.seconds,
    },
  };
}

function row(when: string, server: string, { requests, p50, p99, p999, longest, garbage }: Probed): Row {
  const milliseconds = (microseconds: number) => (microseconds / 1000).toFixed(2);
  return {
    when,
    server,
    requests,
    "p50 ms": milliseconds(p50),
    "p99 ms": milliseconds(p99),
    "p99.9 ms": milliseconds(p999),
    "longest ms": milliseconds(longest),
    ...garbageColumns([garbage]),
  };
}

async function probe(servers: readonly ProbedServer[], whileProbing: () => Promise<void>): Promise<Pair> {
  const urls = servers.map(({ url }) => url);
  const child = spawn(process.execPath, [program, ...urls], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = linesOf(child);
  const ended = once(child, "close");
  try {
    // It is warm.
    await lines.next();
    const before = await Promise.all(servers.map(({ metricsUrl }) => garbageOf(metricsUrl)));
    child.stdin.write("measure\n");
    await whileProbing();
    child.stdin.end();
    const results = JSON.parse((await lines.next()).value ?? "[]") as readonly ProbeResult[];
    const after = await Promise.all(servers.map(({ metricsUrl }) => garbageOf(metricsUrl)));
    return results.map((result, index) => ({
      ...result,
      garbage: garbageBetween(before[index] as Garbage, after[index] as Garbage),
    })) as unknown as Pair;
  } finally {
    child.stdin.end();
    await ended;
  }
}

function linesOf({ stdout }: ChildProcess): AsyncIterator<string> {
  if (stdout === null) throw new Error("the probe has no output");
  return createInterface({ input: stdout })[Symbol.asyncIterator]();
}

/** Waits until the objective that was published last is answered from that revision. */
async function untilRevision(url: string, revision: number): Promise<void> {
  for (;;) {
    const { body } = await postJson(`${url}/v1/resolve`, { objective: "bench-9999", context: {} });
    if (Number(body.revision) >= revision) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
