import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { create, toBinary } from "@bufbuild/protobuf";
import { Client, credentials } from "@grpc/grpc-js";
import { ResolveRequestSchema } from "../../proto/gen/signalbox/resolver/v1/resolver_pb.js";
import type { Running } from "../../test/support/processes.ts";
import { cpuSeconds } from "./cpu-time.ts";
import { garbageBetween, garbageOf } from "./garbage.ts";
import { resolveMethod } from "./grpc-method.ts";
import { requestBody, type ServerMeasured, serverMeasured } from "./http.ts";

const load = fileURLToPath(new URL("./grpc-load.ts", import.meta.url));
const concurrency = 32;
const callsPerRun = Number(process.env.BENCH_CALLS ?? 8000);
/** grpc-js is compiled and optimised call by call: a server is as fast as it gets after some ten thousand. */
const warmUpRuns = 4;

/** A gRPC server under load. */
export type GrpcTarget = {
  readonly label: string;
  readonly address: string;
  readonly running: Running;
  /** Where it tells of its garbage collector. */
  readonly metricsUrl: string;
};

/** The bytes of the resolver's answer, for a server that repeats them. */
export function grpcAnswerOf(address: string): Promise<Buffer> {
  const client = new Client(address, credentials.createInsecure());
  const request = Buffer.from(toBinary(ResolveRequestSchema, create(ResolveRequestSchema, requestBody)));
  const { path, requestSerialize, responseDeserialize } = resolveMethod;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, answer) => {
      client.close();
      if (error || !answer) reject(error ?? new Error("the resolver sent no answer"));
      else resolve(answer);
    });
  });
}

/** Loads the servers in turn, so many rounds, after some that are not counted. */
export async function measureGrpc(targets: readonly GrpcTarget[], rounds: number): Promise<readonly ServerMeasured[]> {
  const measured = targets.map(({ label }) => serverMeasured(label));
  for (let round = -warmUpRuns; round < rounds; round += 1) {
    for (const [index, target] of targets.entries()) {
      const { label, address, running, metricsUrl } = target;
      const garbageBefore = await garbageOf(metricsUrl);
      const before = cpuSeconds(running.processId);
      const args = [load, address, String(concurrency), String(callsPerRun)];
      const { stdout } = await promisify(execFile)(process.execPath, args);
      const result = JSON.parse(stdout) as Record<"requests" | "elapsed" | "errors" | "p50" | "p99" | "p999", number>;
      if (result.errors > 0) throw new Error(`${label}: ${result.errors} calls failed`);
      if (round < 0) continue;
      const into = measured[index] as ServerMeasured;
      into.requestsPerSecond.push(result.requests / result.elapsed);
      into.cpuMicroseconds.push(((cpuSeconds(running.processId) - before) * 1e6) / result.requests);
      into.p50Ms.push(result.p50 / 1000);
      into.p99Ms.push(result.p99 / 1000);
      into.p999Ms.push(result.p999 / 1000);
      into.garbage.push(garbageBetween(garbageBefore, await garbageOf(metricsUrl)));
    }
  }
  return measured;
}
