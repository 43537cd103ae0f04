import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { type Ports, readPorts } from "../../cli/up/settings.ts";
import { projectFolder } from "../../setup/paths.js";
import { freePorts } from "./ports.ts";
import { eventually } from "./processes.ts";

/** The ports that documents name. */
const defaultPorts = readPorts({});
const portVariables = Object.keys(defaultPorts) as (keyof Ports)[];

/** Environment variables: free ports for everything that `signalbox up` starts, and its data folder. */
export type UpEnvironment = Readonly<Record<keyof Ports | "SIGNALBOX_DATA", string>>;

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

/** Text of a document, such as a command, in which the default ports are those of this environment. */
export function atPortsOf(environment: UpEnvironment, text: string): string {
  const variables = new Map(portVariables.map((variable) => [String(defaultPorts[variable]), variable]));
  return text.replace(/(?<=\b127\.0\.0\.1[:/]|\bport: )\d+\b/g, (port) => {
    const variable = variables.get(port);
    return variable ? environment[variable] : port;
  });
}

/**
 * A `signalbox up` that runs while the tests of the calling file do, with this in its environment besides; its data is in
 * the folder, which goes with it.
 */
export function upForFile(folder: string, besides: Readonly<Record<string, string>> = {}) {
  let environment: UpEnvironment | undefined;
  let up: Up | undefined;
  beforeAll(async () => {
    environment = { ...(await upEnvironment(join(folder, "data"))), ...besides };
    up = startUp(environment);
    await up.ready();
  });
  afterAll(async () => {
    up?.send("SIGINT");
    await up?.exitCode;
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    get environment(): UpEnvironment {
      if (!environment) throw new Error("signalbox up runs in tests and hooks only");
      return environment;
    },
  };
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
