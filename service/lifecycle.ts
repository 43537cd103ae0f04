import { messageOf } from "./errors.ts";
import type { Logger } from "./logger.ts";

/** A process that has started. */
export type Started = {
  readonly logger: Logger;
  /** How long the work under way may take to end. */
  readonly drainTimeoutMs: number;
  /** Refuses new work, waits for the work under way at most `timeoutMs`, closes everything that was opened. */
  drain(timeoutMs: number): Promise<void>;
};

/** What the lifecycle needs of `process`; tests give their own. */
export type Host = Pick<NodeJS.Process, "once" | "on" | "stderr" | "exit"> & {
  exitCode?: number | string | null | undefined;
};

const startFailureGraceMs = 2000;
/** On top of `drainTimeoutMs`, for closing what is left. */
const closeGraceMs = 3000;

/**
 * Runs a process from start to end. SIGTERM, SIGINT or the loss of the parent's IPC channel drains it, and it then ends
 * by itself, because nothing is open any more. A start that fails prints one message on stderr and ends with code 1,
 * and so do a drain that takes 3 s longer than `drainTimeoutMs`, a second signal, and an error that nobody caught.
 */
export async function runProcess(name: string, start: () => Promise<Started>, host: Host = process): Promise<void> {
  const ending = Promise.withResolvers<string>();
  for (const signal of ["SIGTERM", "SIGINT"] as const) host.once(signal, () => ending.resolve(signal));
  host.once("disconnect", () => ending.resolve("the parent process is gone"));
  let started: Started;
  try {
    started = await start();
  } catch (error) {
    host.stderr.write(`${name}: ${messageOf(error)}\n`);
    host.exitCode = 1;
    // Whatever the failed start left open must not keep the process alive.
    setTimeout(() => host.exit(1), startFailureGraceMs).unref();
    return;
  }
  const { logger } = started;
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    host.on(event, (error: unknown) => {
      logger.fatal({ err: error }, "ended by an error that nobody caught");
      host.exit(1);
    });
  }
  const reason = await ending.promise;
  logger.info({ reason, drainTimeoutMs: started.drainTimeoutMs }, "draining");
  await drainWithin(started, host);
}

async function drainWithin({ logger, drain, drainTimeoutMs }: Started, host: Host): Promise<void> {
  const giveUp = (why: string) => {
    logger.error({ why }, "ended before the work under way was done");
    host.exit(1);
  };
  const limitMs = drainTimeoutMs + closeGraceMs;
  const timer = setTimeout(() => giveUp(`draining took longer than ${limitMs} ms`), limitMs);
  for (const signal of ["SIGTERM", "SIGINT"] as const) host.once(signal, () => giveUp(`a second ${signal}`));
  try {
    await drain(drainTimeoutMs);
    logger.info({}, "ended");
  } catch (error) {
    logger.error({ err: error }, "draining failed");
    host.exitCode = 1;
  } finally {
    clearTimeout(timer);
  }
}
