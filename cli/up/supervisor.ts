import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CommandError } from "../exit-codes.ts";
import type { RunRecords } from "./run-records.ts";

/** A program that `up` keeps running. */
export type Program = {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** True when it answers; polled after each start. */
  ready(): Promise<boolean>;
};

export type Supervisor = {
  /** Starts a program and resolves when it is ready; throws a CommandError when it ends or does not get ready. */
  start(program: Program): Promise<void>;
  /** Stops all, the last started first. */
  stop(): Promise<void>;
};

export type SupervisorDeps = {
  readonly logFolder: string;
  readonly records: RunRecords;
  readonly readyTimeoutMs: number;
  /** Milliseconds between an unexpected end and the restart: doubled each time, up to 16 times as long. */
  readonly restartDelayMs: number;
  readonly signal: AbortSignal;
  warn(line: string): void;
};

/**
 * Starts programs, each in a process group of its own (so that Ctrl-C reaches only the supervisor, which ends them in
 * order), writes their output to `<logFolder>/<name>.log`, and restarts one that ends on its own.
 */
export function createSupervisor(deps: SupervisorDeps): Supervisor {
  const stops: (() => Promise<void>)[] = [];
  const stopping = new AbortController();
  mkdirSync(deps.logFolder, { recursive: true });

  const launch = (program: Program): ChildProcess => {
    const log = openSync(logFile(program), "a");
    const child = spawn(program.command, program.args, {
      env: { ...process.env, ...program.environment },
      stdio: ["ignore", log, log],
      detached: true,
    });
    closeSync(log);
    child.on("error", (error) => deps.warn(`${program.name} could not be started: ${error.message}`));
    if (child.pid) deps.records.add(program.name, child.pid);
    return child;
  };
  const logFile = (program: Program) => join(deps.logFolder, `${program.name}.log`);

  const keepRunning = (program: Program): (() => ChildProcess) => {
    let restarts = 0;
    let child = launch(program);
    const watch = () => {
      child.once("exit", (code, signal) => {
        if (stopping.signal.aborted) return;
        const delayMs = deps.restartDelayMs * 2 ** Math.min(restarts++, 4);
        deps.warn(
          `${program.name} ended (${signal ?? `exit code ${code}`}), starting it again; its log: ${logFile(program)}`,
        );
        const restart = () => {
          child = launch(program);
          watch();
        };
        sleep(delayMs, undefined, { signal: stopping.signal }).then(restart, () => undefined);
      });
    };
    watch();
    return () => child;
  };

  return {
    start: async (program) => {
      const child = keepRunning(program);
      stops.unshift(async () => {
        await stopChild(child());
        deps.records.remove(program.name);
      });
      const deadline = Date.now() + deps.readyTimeoutMs;
      while (!(await program.ready().catch(() => false))) {
        deps.signal.throwIfAborted();
        if (Date.now() < deadline && !hasEnded(child())) {
          await new Promise((resolve) => setTimeout(resolve, 25));
          continue;
        }
        const why = hasEnded(child()) ? "ended" : `was not ready within ${deps.readyTimeoutMs / 1000} s`;
        throw new CommandError(
          `${program.name} ${why}. The end of ${logFile(program)}:\n${lastLines(logFile(program))}`,
        );
      }
    },
    stop: async () => {
      stopping.abort();
      for (const stop of stops) await stop();
    },
  };
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
  await ended;
  clearTimeout(timer);
}

function lastLines(file: string): string {
  return readFileSync(file, "utf8").trimEnd().split("\n").slice(-12).join("\n");
}
