import { addAbortSignal } from "node:stream";
import { buffer } from "node:stream/consumers";
import { runCommandLine } from "./command-line.ts";
import { commands } from "./commands.ts";
import { CommandError, exitCode } from "./exit-codes.ts";

const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => interrupted.abort());
// A reader such as `head` may close the pipe early (EPIPE), and a terminal may be closed (EIO): no failure of the command.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE" && error.code !== "EIO") throw error;
  });
}
const terminal = process.stdout.isTTY === true;

try {
  process.exitCode = await runCommandLine(commands, process.argv.slice(2), {
    environment: process.env,
    print: (line) => process.stdout.write(`${line}\n`),
    write: (bytes) => new Promise((resolve) => process.stdout.write(bytes, () => resolve())),
    warn: (line) => process.stderr.write(`${line}\n`),
    terminal,
    colours: terminal && !process.env.NO_COLOR && process.env.TERM !== "dumb",
    signal: interrupted.signal,
    readStandardInput: () => buffer(addAbortSignal(interrupted.signal, process.stdin)),
  });
} catch (error) {
  const isInterrupted = interrupted.signal.aborted;
  const text = error instanceof CommandError ? error.message : (error as Error).stack;
  process.stderr.write(`${isInterrupted ? "Interrupted." : text}\n`);
  process.exitCode = isInterrupted ? exitCode.interrupted : exitCode.failed;
}
