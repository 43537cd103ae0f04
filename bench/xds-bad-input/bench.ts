import { fork } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { makeTemporaryFolder } from "../../test/support/processes.ts";
import { type Figures, median, percentile, type Row, report } from "../report.ts";
import { type Files, type Side, startSide } from "../xds/side.ts";
import { changedRoutes, tableResources, writeResources } from "../xds/table.ts";
import { type Misbehaviour, misbehaviours, type Tally } from "./misbehaviours.ts";

const streams = 100;
const size = { objectives: 1000, shards: 100, keysPerObjective: 1 };
/** Changes in a round, and rounds without and with each misbehaviour, in turn. */
const changes = Number(process.env.BENCH_CHANGES ?? 20);
const rounds = Number(process.env.BENCH_ROUNDS ?? 3);
const betweenChangesMs = 25;
/** From the beginning of a misbehaviour until it counts. */
const settleMs = 500;

/**
 * What clients that misbehave cost the others: 100 well-behaved delta ADS streams, and how long it takes from a change of one
 * objective until each of them has acknowledged it, while nobody misbehaves and while somebody does, in turn. `BENCH_MISBEHAVIOURS`
 * names some of them.
 */
export async function run(): Promise<void> {
  const folder = makeTemporaryFolder();
  const asked = (process.env.BENCH_MISBEHAVIOURS?.split(",") ?? Object.keys(misbehaviours)) as Misbehaviour[];
  const side = await startSide("signalbox", {
    streams,
    loading: streams,
    files: writeFiles(folder, 2 * asked.length * rounds * changes + changes),
  });
  try {
    await side.sync();
    await measure(side);
    const results: Result[] = [];
    for (const kind of asked) results.push(await compare(side, kind));
    await side.verify();
    report("xds-bad-input", results.map(rowOf), figuresOf(results));
  } finally {
    await side.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function writeFiles(folder: string, count: number): Files {
  const listener = { address: "127.0.0.1", port: 10_000, accessLog: "off" };
  const options = { ...size, backendPort: 8080, listener };
  const files = { table: join(folder, "table"), changes: join(folder, "changes") };
  writeResources(files.table, tableResources(options));
  writeResources(files.changes, changedRoutes(options, count));
  return files;
}

/** After how many milliseconds each stream had acknowledged each change, and the server's memory meanwhile. */
type Measured = { readonly acknowledgedAfterMs: number[]; rssMiB: number };

type Result = {
  readonly kind: Misbehaviour;
  readonly without: Measured;
  readonly while: Measured;
  readonly opened: number;
  readonly ended: Readonly<Record<string, number>>;
};

async function compare(side: Side, kind: Misbehaviour): Promise<Result> {
  const [without, during]: [Measured, Measured] = [nothing(), nothing()];
  let opened = 0;
  const ended: Record<string, number> = {};
  for (let round = 0; round < rounds; round++) {
    add(without, await measure(side));
    const stop = await misbehave(side.port, kind);
    await pause(settleMs);
    add(during, await measure(side));
    const tally = await stop();
    opened += tally.opened;
    for (const [status, count] of Object.entries(tally.ended)) ended[status] = (ended[status] ?? 0) + count;
    await pause(settleMs);
  }
  return { kind, without, while: during, opened, ended };
}

const nothing = (): Measured => ({ acknowledgedAfterMs: [], rssMiB: 0 });

function add(to: Measured, { acknowledgedAfterMs, rssMiB }: Measured): void {
  to.acknowledgedAfterMs.push(...acknowledgedAfterMs);
  to.rssMiB = Math.max(to.rssMiB, rssMiB);
}

async function measure(side: Side): Promise<Measured> {
  const measured = nothing();
  for (let change = 0; change < changes; change++) {
    add(measured, { acknowledgedAfterMs: [...(await side.change())], rssMiB: side.rssMiB() });
    await pause(betweenChangesMs);
  }
  return measured;
}

/** Starts it in a process of its own; the function returned ends that, and tells what came of it. */
async function misbehave(port: number, kind: Misbehaviour): Promise<() => Promise<Tally>> {
  const child = fork(fileURLToPath(new URL("./misbehave.ts", import.meta.url)), [String(port), kind]);
  const exited = once(child, "exit");
  const ended = exited.then(([code]) =>
    Promise.reject(new Error(`${kind}: the process ended by itself, with ${code}`)),
  );
  ended.catch(() => undefined);
  await Promise.race([once(child, "message"), ended]);
  return async () => {
    const answered = once(child, "message") as Promise<[Tally]>;
    child.send("stop");
    const [tally] = await answered;
    await exited;
    return tally;
  };
}

function rowOf({ kind, without, while: during, opened, ended }: Result): Row {
  const rounded = (value: number) => Number(value.toPrecision(3));
  const [calm, loaded] = [without.acknowledgedAfterMs, during.acknowledgedAfterMs];
  return {
    misbehaviour: misbehaviours[kind],
    "p50 ms without": rounded(median(calm)),
    "p50 ms": rounded(median(loaded)),
    "p99 ms without": rounded(percentile(calm, 99)),
    "p99 ms": rounded(percentile(loaded, 99)),
    "MiB without": rounded(without.rssMiB),
    MiB: rounded(during.rssMiB),
    opened,
    "ended by status": Object.entries(ended)
      .map(([status, count]) => `${status}: ${count}`)
      .join(", "),
  };
}

function figuresOf(results: readonly Result[]): Figures {
  return Object.fromEntries(
    results.flatMap(({ kind, without, while: during }) => [
      [`${kind}P99Ratio`, percentile(during.acknowledgedAfterMs, 99) / percentile(without.acknowledgedAfterMs, 99)],
      [`${kind}P50Ratio`, median(during.acknowledgedAfterMs) / median(without.acknowledgedAfterMs)],
      [`${kind}RssMiB`, during.rssMiB],
    ]),
  );
}
