import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startNats } from "../../test/support/nats.ts";
import { freePorts } from "../../test/support/ports.ts";
import { makeTemporaryFolder, type Running, startProcess } from "../../test/support/processes.ts";
import { startTestResolver } from "../../test/support/resolver.ts";
import { testShard } from "../../test/support/store-documents.ts";
import { publish } from "../publish.ts";
import type { Figures, Row } from "../report.ts";
import { grpcAnswerOf, measureGrpc } from "./grpc.ts";
import { answerOf, measureHttp, type ServerMeasured, serverRatios, serverRow } from "./http.ts";
import { manyObjectives, objectiveOf, ranker, ruleCount } from "./rule-set.ts";
import { measureUpdate } from "./update.ts";

const rounds = Number(process.env.BENCH_ROUNDS ?? 7);
/** Every form answers at once: there is no Envoy to wait for. */
const environment = { LOG_LEVEL: "warn", RESOLVER_ACTIVATION: "immediate" };

/**
 * The resolver over HTTP and gRPC next to the barest servers of the same kind, with one objective and with 10,000, and
 * while 10,000 documents change. Ratios are of requests a second; those by the servers' own CPU time stand beside them,
 * because they hold on a machine that does other work too.
 */
export async function measureServers(): Promise<{ readonly rows: readonly Row[]; readonly figures: Figures }> {
  const folders = [makeTemporaryFolder(), makeTemporaryFolder()];
  const running: Running[] = [];
  const start = async (index: number, documents: readonly unknown[]) => {
    const folder = folders[index] as string;
    const nats = await startNats(folder);
    running.push(nats);
    await publish(nats.url, [testShard("gpu-a"), ranker, ...documents]);
    const resolver = await startTestResolver({ natsUrl: nats.url, dataFolder: folder, environment });
    running.push(resolver);
    return { nats, resolver };
  };
  try {
    const [bench, small] = [objectiveOf("bench", ruleCount), objectiveOf("small", 4)];
    const one = await start(0, [bench, small]);
    const many = await start(1, manyObjectives());
    const [httpPort = 0, grpcPort = 0] = await freePorts(2);
    const bareHttp = await startBareHttp(httpPort, await answerOf(one.resolver.url));
    running.push(bareHttp);
    const bareGrpc = await startBareGrpc(grpcPort, await grpcAnswerOf(one.resolver.grpcAddress));
    running.push(bareGrpc);
    const resolver = { url: one.resolver.url, running: one.resolver, objectives: 1 };
    const [bare, own, ownSmall, ownMany] = (await measureHttp(
      [
        {
          label: "bare node:http",
          url: `http://127.0.0.1:${httpPort}`,
          running: bareHttp,
          objectives: 1,
          name: "bench",
        },
        { ...resolver, label: "resolver, HTTP, 100 rules", name: "bench" },
        { ...resolver, label: "resolver, HTTP, 1 objective", name: "small" },
        {
          label: "resolver, HTTP, 10,000 objectives",
          url: many.resolver.url,
          running: many.resolver,
          objectives: 10_000,
          name: "bench-",
        },
      ],
      rounds,
    )) as [ServerMeasured, ServerMeasured, ServerMeasured, ServerMeasured];
    const [bareCalls, ownCalls] = (await measureGrpc(
      [
        { label: "bare grpc-js", address: `127.0.0.1:${grpcPort}`, running: bareGrpc },
        { label: "resolver, gRPC, 100 rules", address: one.resolver.grpcAddress, running: one.resolver },
      ],
      rounds,
    )) as [ServerMeasured, ServerMeasured];
    const update = await measureUpdate(many.resolver, many.nats.url);
    const http = serverRatios(own, bare);
    const grpc = serverRatios(ownCalls, bareCalls);
    const at10k = serverRatios(ownMany, ownSmall);
    return {
      rows: [bare, own, ownSmall, ownMany, bareCalls, ownCalls].map(serverRow),
      figures: {
        httpVsBareNodeRatio: http.requests,
        httpVsBareNodeCpuRatio: http.cpu,
        grpcVsBareRatio: grpc.requests,
        grpcVsBareCpuRatio: grpc.cpu,
        resolveAt10kObjectivesRatio: at10k.requests,
        resolveAt10kObjectivesCpuRatio: at10k.cpu,
        memoryPer10kObjectivesMiB: await measureMemory(),
        ...update,
      },
    };
  } finally {
    for (const each of running.reverse()) await each.stop();
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  }
}

function startBareHttp(port: number, answer: string): Promise<Running> {
  const ready = async () => (await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: "{}" })).ok;
  return startProcess(process.execPath, [programNamed("bare-http.ts"), String(port), answer], { ready });
}

function startBareGrpc(port: number, answer: Buffer): Promise<Running> {
  const ready = async () => (await grpcAnswerOf(`127.0.0.1:${port}`)).equals(answer);
  const args = [programNamed("bare-grpc.ts"), String(port), answer.toString("base64")];
  return startProcess(process.execPath, args, { ready });
}

async function measureMemory(): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", programNamed("memory-main.ts")]);
  return Number(stdout);
}

function programNamed(file: string): string {
  return fileURLToPath(new URL(`./${file}`, import.meta.url));
}
