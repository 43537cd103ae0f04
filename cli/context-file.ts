import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { type Context, parseContext } from "../selection/context.ts";
import type { Arguments, Option } from "./command.ts";
import { CommandError } from "./exit-codes.ts";

/** The flag that names a file of contexts. */
export const contextFileOption: Readonly<Record<"context-file", Option>> = {
  "context-file": {
    describe: 'Contexts of real traffic, one JSON object a line: {"userId":"42"}, or {"objective":…,"context":{…}}',
  },
};

/** One line of the file; `objective` (`<namespace>/<name>`) when it names one. */
export type RecordedContext = { readonly context: Context; readonly objective?: string };

/**
 * The contexts of `--context-file`, line by line, so that the file may be larger than memory; empty lines are passed over.
 * A line that holds no context ends the command with its number.
 */
export async function* readContexts(args: Arguments): AsyncGenerator<RecordedContext> {
  const file = String(args["context-file"]);
  let number = 0;
  let contexts = 0;
  try {
    for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
      number += 1;
      if (line.trim() === "") continue;
      contexts += 1;
      yield parseLine(line, `${file}:${number}`);
    }
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const why = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    throw new CommandError(`--context-file ${file} cannot be read (${why}).`, undefined, { cause: error });
  }
  if (contexts === 0) throw new CommandError(`--context-file ${file} holds no context: one JSON object a line.`);
}

function parseLine(line: string, where: string): RecordedContext {
  const value = parseObject(line, where);
  const { context, objective, namespace = "default" } = value;
  const isRecord = typeof context === "object" && context !== null && !Array.isArray(context);
  const parsed = parseContext(isRecord ? context : value);
  if (!parsed.ok) {
    const problems = parsed.problems.map(({ path, message }) => `${path} ${message}`).join("; ");
    throw new CommandError(`${where}: ${problems}`);
  }
  if (!isRecord || typeof objective !== "string") return { context: parsed.context };
  return { context: parsed.context, objective: objective.includes("/") ? objective : `${namespace}/${objective}` };
}

function parseObject(line: string, where: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new CommandError(`${where}: is no JSON: ${(error as Error).message}`, undefined, { cause: error });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new CommandError(`${where}: must be a JSON object of attributes such as {"userId":"42"}.`);
}
