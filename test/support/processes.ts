import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** A started program. Its output is kept, and shown when it dies before it is ready. */
export type Running = {
  /** 0 when it runs in a container. */
  readonly processId: number;
  /** Everything it wrote so far, both streams. */
  output(): string;
  /** SIGTERM by default; resolves when it has ended. Harmless when it has ended already. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Resolves with the exit code (or the signal's name) when it has ended. */
  readonly ended: Promise<number | string>;
};

export type StartOptions = {
  readonly environment?: Readonly<Record<string, string>>;
  /** Polled until it answers true; absent means ready at once. */
  readonly ready?: () => Promise<boolean>;
  /** Milliseconds until a program that is not ready counts as failed; 20,000 by default. */
  readonly readyTimeoutMs?: number;
  readonly folder?: string;
};

/** Starts a program and waits until it is ready. The caller stops it. */
export async function startProcess(
  command: string,
  args: readonly string[],
  options: StartOptions = {},
): Promise<Running> {
  const child = spawn(command, args, {
    env: { ...process.env, ...options.environment },
    cwd: options.folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
  const output = () => Buffer.concat(chunks).toString("utf8");
  const ended = new Promise<number | string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(code ?? signal ?? "unknown"));
  });
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
  const running: Running = {
    processId: child.pid ?? 0,
    output,
    ended,
    stop: async (signal = "SIGTERM") => {
      if (hasEnded()) return;
      child.kill(signal);
      const killTimer = setTimeout(() => child.kill("SIGKILL"), 10_000);
      await ended;
      clearTimeout(killTimer);
    },
  };
  if (options.ready) {
    const deadline = Date.now() + (options.readyTimeoutMs ?? 20_000);
    while (!(await options.ready().catch(() => false))) {
      if (hasEnded()) throw new Error(`${command} ended before it was ready:\n${output()}`);
      if (Date.now() > deadline) {
        await running.stop("SIGKILL");
        throw new Error(`${command} was not ready in time:\n${output()}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
  return running;
}

/** True when a GET answers 200. */
export async function answers(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(1000) });
  await response.arrayBuffer();
  return response.status === 200;
}

/** A folder that is deleted when the test that asked for it has finished. */
export function temporaryFolder(): string {
  const folder = makeTemporaryFolder();
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A folder that the caller deletes; for what outlives one test. */
export function makeTemporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "signalbox-test-"));
}

/** Polls until `probe` gives something other than undefined and false; throws with `what` after the timeout. */
export async function eventually<T>(
  what: string,
  probe: () => T | Promise<T>,
  timeoutMs = 15_000,
): Promise<Exclude<T, undefined | false | null>> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  while (Date.now() < deadline) {
    try {
      const value = await probe();
      if (value !== undefined && value !== false && value !== null)
        return value as Exclude<T, undefined | false | null>;
      last = value;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`not within ${timeoutMs} ms: ${what}; last seen: ${last instanceof Error ? last.stack : last}`);
}
