import { spawn } from "node:child_process";
import { join } from "node:path";
import { projectFolder } from "../../setup/paths.js";
import { freePorts } from "./ports.ts";
import { eventually } from "./processes.ts";

const portVariables = [
  "NATS_PORT",
  "RESOLVER_HTTP_PORT",
  "RESOLVER_GRPC_PORT",
  "XDS_GRPC_PORT",
  "XDS_HTTP_PORT",
  "ENVOY_KEYED_PORT",
  "ENVOY_ONE_CALL_PORT",
  "ENVOY_ADMIN_PORT",
  "EXAMPLE_A_HTTP_PORT",
  "EXAMPLE_A_GRPC_PORT",
  "EXAMPLE_B_HTTP_PORT",
  "EXAMPLE_B_GRPC_PORT",
] as const;

/** Environment variables: free ports for everything that `signalbox up` starts, and its data folder. */
export type UpEnvironment = Readonly<Record<(typeof portVariables)[number] | "SIGNALBOX_DATA", string>>;

/** A running `signalbox up`. */
export type Up = {
  /** What it printed so far, on both streams. */
  output(): string;
  send(signal: NodeJS.Signals): void;
  readonly exitCode: Promise<number | NodeJS.Signals | null>;
  /** Resolves when it says that it is ready; throws with its output when it ends before. */
  readonly ready: () => Promise<void>;
};

export async function upEnvironment(dataFolder: string): Promise<UpEnvironment> {
  const ports = await freePorts(portVariables.length);
  const entries = portVariables.map((variable, index) => [variable, String(ports[index])] as const);
  return { ...Object.fromEntries(entries), SIGNALBOX_DATA: dataFolder } as UpEnvironment;
}

/** Runs `signalbox up`. The caller ends it with SIGINT and waits for its exit code. */
export function startUp(environment: UpEnvironment): Up {
  const child = spawn(process.execPath, [join(projectFolder, "cli/main.ts"), "up"], {
    cwd: projectFolder,
    env: { ...process.env, NATS_URL: "", ...environment },
  });
  let output = "";
  let ended = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk;
    });
  }
  const exitCode = new Promise<number | NodeJS.Signals | null>((resolve) =>
    child.once("exit", (code, signal) => {
      ended = true;
      resolve(code ?? signal);
    }),
  );
  const isReady = () => ended || output.includes("Ctrl-C stops everything.");
  return {
    output: () => output,
    send: (signal) => child.kill(signal),
    exitCode,
    ready: async () => {
      await eventually("it is ready", isReady, 50_000).catch((error: Error) => {
        throw new Error(`${error.message}\n${output}`);
      });
      if (ended) throw new Error(`signalbox up ended:\n${output}`);
    },
  };
}
