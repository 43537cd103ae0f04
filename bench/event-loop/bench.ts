import { once } from "node:events";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Worker } from "node:worker_threads";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { xdsChannelOptions } from "../../xds-server/protocol/channel-options.ts";
import type { ResourceChange } from "../../xds-server/protocol/group.ts";
import { createXdsServer } from "../../xds-server/protocol/server.ts";
import { createSnapshotStore } from "../../xds-server/protocol/snapshot.ts";
import { typeUrls } from "../../xds-server/protocol/type-urls.ts";
import { report } from "../report.ts";
import { watchTurns } from "../turns.ts";

/** How many resources; `BENCH_RESOURCES` for another number. */
const count = Number(process.env.BENCH_RESOURCES ?? 100_000);
const bodyBytes = 300;
const typeUrl = typeUrls.scopedRoute;

/**
 * How long the protocol layer holds the event loop while it does large work: a snapshot, the first answer to a wildcard, a
 * change of everything, a client that comes back. `delay` is what perf_hooks sees, the waiting for a processor included; the
 * counts are a histogram of the turns by their processor time in milliseconds, and `cpu` is that of the longest turn.
 */
export async function run(): Promise<void> {
  const store = createSnapshotStore();
  const quiet = () => undefined;
  const xds = createXdsServer({
    store,
    groupOf: () => "g",
    logger: { debug: quiet, info: quiet, warn: quiet },
  });
  const grpc = new Server(xdsChannelOptions);
  xds.addTo(grpc);
  const port = await new Promise<number>((resolve, reject) =>
    grpc.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  const phases = createPhases();
  try {
    await phases.measure("idle", () => new Promise((resolve) => setTimeout(resolve, 1000)));
    await phases.measure("snapshot", () => store.applyInSlices("g", changesTo("1")));
    const client = new Worker(new URL("./client.ts", import.meta.url), { workerData: { port, typeUrl } });
    const received = (wanted: number) =>
      new Promise<void>((resolve) => {
        let sum = 0;
        const take = (message: { count: number }) => {
          sum += message.count;
          if (sum < wanted) return;
          client.off("message", take);
          resolve();
        };
        client.on("message", take);
      });
    await phases.measure("first sync", () => received(count));
    await phases.measure("change of all", async () => {
      const all = received(count);
      await store.applyInSlices("g", changesTo("2"));
      await all;
    });
    await phases.measure("reconnect, all held", async () => {
      const answered = once(client, "message");
      client.postMessage("reconnect");
      await answered;
    });
    client.postMessage("cut");
    await store.applyInSlices("g", changesTo("3"));
    await phases.measure("reconnect, all changed", async () => {
      const all = received(count);
      client.postMessage("reconnect");
      await all;
    });
    await phases.measure("removal of all", async () => {
      const all = received(count);
      await store.applyInSlices("g", changesTo(null));
      await all;
    });
    client.postMessage("close");
    await once(client, "exit");
  } finally {
    xds.close();
    grpc.forceShutdown();
  }
  const { rows } = phases;
  const work = rows.filter(({ phase }) => phase !== "idle");
  report("event-loop", rows, {
    resources: count,
    eventLoopLongestTurnCpuMs: Math.max(...work.map((row) => row.cpuMaxMs)),
    eventLoopLongestTurnWithoutGarbageCpuMs: Math.max(...work.map((row) => row.cpuMaxWithoutGarbageMs)),
    eventLoopGarbageMaxMs: Math.max(...work.map((row) => row.garbageMaxMs)),
    eventLoopDelayMaxMs: Math.max(...work.map((row) => row.delayMaxMs)),
    eventLoopDelayIdleMaxMs: rows[0]?.delayMaxMs ?? Number.NaN,
  });
}

/** Made one by one, as the documents are turned into resources; null removes everything. */
function* changesTo(content: string | null): Generator<ResourceChange> {
  for (let index = 0; index < count; index++) {
    const resource = content === null ? null : { bytes: Buffer.alloc(bodyBytes, `${content} of ${index} `) };
    yield { typeUrl, name: `namespace/objective-${index}`, resource };
  }
}

type PhaseRow = Readonly<Record<string, string | number>> & {
  readonly phase: string;
  readonly delayMaxMs: number;
  readonly cpuMaxMs: number;
  readonly cpuMaxWithoutGarbageMs: number;
  readonly garbageMaxMs: number;
};

function createPhases() {
  const rows: PhaseRow[] = [];
  return {
    rows,
    measure: async (phase: string, work: () => Promise<unknown>) => {
      const histogram = monitorEventLoopDelay({ resolution: 1 });
      const turns = watchTurns();
      histogram.enable();
      const startedAt = performance.now();
      await work();
      await new Promise((resolve) => setTimeout(resolve, 50));
      const ms = performance.now() - startedAt;
      histogram.disable();
      const { histogram: counts, maxMs, maxWithoutGarbageMs, garbageMaxMs } = await turns.take();
      turns.stop();
      rows.push({
        ...{ phase, ms: rounded(ms) },
        ...{ delayP99Ms: rounded(histogram.percentile(99) / 1e6), delayMaxMs: rounded(histogram.max / 1e6) },
        ...counts,
        cpuMaxMs: rounded(maxMs),
        cpuMaxWithoutGarbageMs: rounded(maxWithoutGarbageMs),
        garbageMaxMs: rounded(garbageMaxMs),
      });
    },
  };
}

const rounded = (value: number) => Number(value.toFixed(1));
