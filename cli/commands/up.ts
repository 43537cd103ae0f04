import { join } from "node:path";
import { renderBootstrap } from "../../envoy/bootstrap.ts";
import { dataFolder as defaultDataFolder } from "../../setup/paths.js";
import type { Command, CommandContext } from "../command.ts";
import { CommandError, exitCode } from "../exit-codes.ts";
import { checkPorts } from "../up/check-ports.ts";
import { type FirstRequest, sendFirstRequest } from "../up/first-request.ts";
import { describePrograms } from "../up/programs.ts";
import { publishQuickstart } from "../up/publish-quickstart.ts";
import { createRunRecords } from "../up/run-records.ts";
import { type Ports, readPorts } from "../up/settings.ts";
import { createSupervisor } from "../up/supervisor.ts";

const readyTimeoutMs = 20_000;
const restartDelayMs = 500;

/** `signalbox up`: the whole system on one machine, for development and for a first look. */
export const up: Command = {
  usage: "up",
  summary: "Start the whole system on this machine and keep it running until Ctrl-C",
  options: {
    "print-output": { describe: "Print the first answer in full", type: "boolean", default: false },
  },
  examples: [
    ["signalbox up", "start NATS, resolver, xds-server, Envoy and two model servers; publish the quickstart"],
    ["RESOLVER_HTTP_PORT=7170 signalbox up", "the same with another port for the resolver"],
  ],
  run: async (args, context) => {
    const ports = readPorts(context.environment);
    const dataFolder = context.environment.SIGNALBOX_DATA || defaultDataFolder;
    const records = createRunRecords(join(dataFolder, "run"));
    const other = records.alive("up");
    if (other)
      throw new CommandError(
        `Signalbox runs here already (process ${other}): stop it first, with Ctrl-C or kill ${other}.`,
      );
    for (const name of await records.endLeftovers()) context.print(`Ended ${name}, left over from an earlier run.`);
    await checkPorts(ports);
    records.add("up", process.pid);
    const supervisor = createSupervisor({
      logFolder: join(dataFolder, "logs"),
      records,
      readyTimeoutMs,
      restartDelayMs,
      signal: context.signal,
      warn: context.warn,
    });
    try {
      const startedAt = Date.now();
      const programs = describePrograms({ ports, dataFolder, renderBootstrap });
      await Promise.all([programs.nats, ...programs.modelServers].map((program) => supervisor.start(program)));
      await Promise.all([
        supervisor.start(programs.resolver),
        supervisor.start(programs.xdsServer),
        publishQuickstart(ports, context.signal),
      ]);
      // An Envoy that finds no xds-server waits longer after each attempt.
      await supervisor.start(programs.envoy);
      const first = await sendFirstRequest(ports, readyTimeoutMs, context.signal);
      printReady(context, ports, first, Date.now() - startedAt, join(dataFolder, "logs"));
      if (args["print-output"]) context.print(first.answer);
      await aborted(context.signal);
      context.print("Stopping ...");
    } catch (error) {
      if (!context.signal.aborted) throw error;
    } finally {
      await supervisor.stop();
      records.remove("up");
    }
    context.print("Stopped; nothing is left running.");
    return exitCode.ok;
  },
};

function printReady(
  context: CommandContext,
  ports: Ports,
  first: FirstRequest,
  tookMs: number,
  logFolder: string,
): void {
  const lines = [
    `Ready after ${(tookMs / 1000).toFixed(1)} s.`,
    "",
    `  Envoy, for clients    http://127.0.0.1:${ports.ENVOY_KEYED_PORT}`,
    `  Envoy, one call       http://127.0.0.1:${ports.ENVOY_ONE_CALL_PORT}    (names an objective, no routing key)`,
    `  Envoy, admin pages    http://127.0.0.1:${ports.ENVOY_ADMIN_PORT}`,
    `  resolver, HTTP        http://127.0.0.1:${ports.RESOLVER_HTTP_PORT}    (OpenAPI at /openapi.json)`,
    `  resolver, gRPC        127.0.0.1:${ports.RESOLVER_GRPC_PORT}`,
    `  xds-server            127.0.0.1:${ports.XDS_GRPC_PORT}, HTTP ${ports.XDS_HTTP_PORT}`,
    `  NATS                  nats://127.0.0.1:${ports.NATS_PORT}`,
    `  logs                  ${logFolder}`,
    "",
    `The first request was answered by ${first.model} on ${first.shard}, revision ${first.revision}. Send it again:`,
    "",
    `  ${first.curl}`,
    "",
    "Ctrl-C stops everything.",
  ];
  for (const line of lines) context.print(line);
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
