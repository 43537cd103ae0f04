import { spawn } from "node:child_process";
import { join } from "node:path";
import { projectFolder } from "../../setup/paths.js";

/** Half of what a short command costs is compiling; the same folder as that of cli/signalbox.js. */
const compileCache = join(projectFolder, "node_modules/.cache/signalbox");

/** What a command wrote, and what it ended with. */
export type Outcome = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

export type RunOptions = {
  /** Standard input; closed at once when absent. */
  readonly input?: string | Uint8Array;
  readonly environment?: Readonly<Record<string, string>>;
  /** The project's folder by default. */
  readonly folder?: string;
};

/** Runs a program to its end. */
export async function runProgram(
  program: string,
  args: readonly string[],
  { input, environment = {}, folder = projectFolder }: RunOptions = {},
): Promise<Outcome> {
  const child = spawn(program, args, {
    cwd: folder,
    env: { ...process.env, NODE_COMPILE_CACHE: compileCache, NO_COLOR: "", ...environment },
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  // A program that does not read its input may have closed it.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input ?? "");
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { code, stdout: Buffer.concat(stdout).toString("utf8"), stderr: Buffer.concat(stderr).toString("utf8") };
}

/** Runs `node cli/main.ts` with the Node that runs the tests. */
export async function signalbox(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return await runProgram(process.execPath, [join(projectFolder, "cli/main.ts"), ...args], options);
}
