import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startNats } from "../../test/support/nats.ts";
import { freePorts } from "../../test/support/ports.ts";
import { makeTemporaryFolder, type Running, startProcess } from "../../test/support/processes.ts";
import { startTestResolver, type TestResolver } from "../../test/support/resolver.ts";
import { testShard } from "../../test/support/store-documents.ts";
import { publish } from "../publish.ts";
import type { Figures, Row } from "../report.ts";
import { grpcAnswerOf, measureGrpc } from "./grpc.ts";
import { answerOf, measureHttp, type ServerMeasured, serverRatios, serverRow } from "./http.ts";
import { manyObjectives, objectiveAmongMany, objectiveOf, ranker, ruleCount } from "./rule-set.ts";
import { measureUpdate } from "./update.ts";

const rounds = Number(process.env.BENCH_ROUNDS ?? 7);
/** Every form answers at once: there is no Envoy to wait for. */
const environment = { LOG_LEVEL: "warn", RESOLVER_ACTIVATION: "immediate" };

/**
 * The resolver over HTTP and gRPC next to the barest servers of the same kind, with one objective and with 10,000, and
 * while 10,000 documents change. Ratios are of requests a second; those by the servers' own CPU time stand beside them,
 * because they hold on a machine that does other work too.
 */
export async function measureServers(): Promise<{
  readonly rows: readonly Row[];
  readonly updateRows: readonly Row[];
  readonly figures: Figures;
}> {
  const folders = [1, 2, 3].map(makeTemporaryFolder);
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
    const one = await start(0, [objectiveOf("bench", ruleCount)]);
    const alone = await start(1, [objectiveAmongMany(2)]);
    const many = await start(2, manyObjectives());
    const [httpPort = 0, grpcPort = 0, httpMetricsPort = 0, grpcMetricsPort = 0] = await freePorts(4);
    const bareHttp = await startBareHttp(httpPort, await answerOf(one.resolver.url), httpMetricsPort);
    running.push(bareHttp);
    const bareGrpc = await startBareGrpc(grpcPort, await grpcAnswerOf(one.resolver.grpcAddress), grpcMetricsPort);
    running.push(bareGrpc);
    const resolver = { url: one.resolver.url, running: one.resolver, objectives: 1 };
    const [bare, own, ownAlone, ownAmongMany, ownMany] = (await measureHttp(
      [
        {
          label: "bare node:http",
          url: `http://127.0.0.1:${httpPort}`,
          metricsUrl: `http://127.0.0.1:${httpMetricsPort}`,
          running: bareHttp,
          objectives: 1,
          name: "bench",
        },
        { ...resolver, label: "resolver, HTTP, 100 rules", name: "bench" },
        { ...oneOf(alone), label: "resolver, HTTP, 1 objective" },
        { ...oneOf(many), label: "resolver, HTTP, 1 of 10,000 objectives" },
        {
          label: "resolver, HTTP, 10,000 objectives in turn",
          url: many.resolver.url,
          running: many.resolver,
          objectives: 10_000,
          name: "bench-",
        },
      ],
      rounds,
    )) as [ServerMeasured, ServerMeasured, ServerMeasured, ServerMeasured, ServerMeasured];
    const [bareCalls, ownCalls] = (await measureGrpc(
      [
        {
          label: "bare grpc-js",
          address: `127.0.0.1:${grpcPort}`,
          running: bareGrpc,
          metricsUrl: `http://127.0.0.1:${grpcMetricsPort}`,
        },
        {
          label: "resolver, gRPC, 100 rules",
          address: one.resolver.grpcAddress,
          running: one.resolver,
          metricsUrl: one.resolver.url,
        },
      ],
      rounds,
    )) as [ServerMeasured, ServerMeasured];
    const update = await measureUpdate(
      [
        { label: "resolver, 10,000 objectives", url: many.resolver.url, metricsUrl: many.resolver.url },
        {
          label: "bare node:http",
          url: `http://127.0.0.1:${httpPort}`,
          metricsUrl: `http://127.0.0.1:${httpMetricsPort}`,
        },
      ],
      many.nats.url,
    );
    const http = serverRatios(own, bare);
    const grpc = serverRatios(ownCalls, bareCalls);
    const among10k = serverRatios(ownAmongMany, ownAlone);
    const at10k = serverRatios(ownMany, ownAlone);
    return {
      rows: [bare, own, ownAlone, ownAmongMany, ownMany, bareCalls, ownCalls].map(serverRow),
      updateRows: update.rows,
      figures: {
        httpVsBareNodeRatio: http.requests,
        httpVsBareNodeCpuRatio: http.cpu,
        grpcVsBareRatio: grpc.requests,
        grpcVsBareCpuRatio: grpc.cpu,
        resolveOneOf10kObjectivesRatio: among10k.requests,
        resolveOneOf10kObjectivesCpuRatio: among10k.cpu,
        resolveAt10kObjectivesRatio: at10k.requests,
        resolveAt10kObjectivesCpuRatio: at10k.cpu,
        memoryPer10kObjectivesMiB: await measureMemory(),
        ...update.figures,
      },
    };
  } finally {
    for (const each of running.reverse()) await each.stop();
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  }
}

/** Requests for one objective of {@link manyObjectives}, whose third rule they match. */
function oneOf({ resolver }: { readonly resolver: TestResolver }) {
  return { url: resolver.url, running: resolver, objectives: 1, name: "bench-2" };
}

function startBareHttp(port: number, answer: string, metricsPort: number): Promise<Running> {
  const ready = async () => (await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: "{}" })).ok;
  return startProcess(process.execPath, [programNamed("bare-http.ts"), String(port), answer, String(metricsPort)], {
    ready,
  });
}

function startBareGrpc(port: number, answer: Buffer, metricsPort: number): Promise<Running> {
  const ready = async () => (await grpcAnswerOf(`127.0.0.1:${port}`)).equals(answer);
  const args = [programNamed("bare-grpc.ts"), String(port), answer.toString("base64"), String(metricsPort)];
  return startProcess(process.execPath, args, { ready });
}

async function measureMemory(): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", programNamed("memory-main.ts")]);
  return Number(stdout);
}

function programNamed(file: string): string {
  return fileURLToPath(new URL(`./${file}`, import.meta.url));
}
