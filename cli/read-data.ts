import { readFile } from "node:fs/promises";
import type { CommandContext } from "./command.ts";
import { CommandError, exitCode } from "./exit-codes.ts";

/** The bytes that `--data`, or another flag of its kind, means: `@file`, `@-` for standard input, or the text itself. */
export async function readData(data: string, context: CommandContext, flag = "--data"): Promise<Buffer> {
  if (data === "@-") return await context.readStandardInput();
  if (!data.startsWith("@")) return Buffer.from(data);
  const file = data.slice(1);
  return await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new CommandError(`${flag} ${data}: ${file} cannot be read (${error.code})`, exitCode.usage, { cause: error });
  });
}
