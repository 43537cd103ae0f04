import type { SignalboxDocument } from "../config/documents/document.ts";
import { loadFiles, problemsOfLoaded } from "../config/load.ts";
import type { Loaded } from "../config/load-text.ts";
import type { Problem } from "../config/problem.ts";
import type { DocumentStore } from "../config/store/document-store.ts";
import type { Arguments, CommandContext, Option } from "./command.ts";
import { CommandError, exitCode } from "./exit-codes.ts";
import { formatProblems } from "./output/problems.ts";
import { liveDocuments, withStore } from "./store-access.ts";

/** The flag that names documents on disk. */
export const fileOption: Readonly<Record<"filename", Option>> = {
  filename: {
    alias: "f",
    describe: "A file (YAML, JSON, TypeScript), a folder, or - for standard input; may be given more than once",
    takesMore: (word) => word === "-" || !word.startsWith("-"),
    required: true,
  },
};

/** Loads what `-f` names. */
export async function loadNamed(args: Arguments, context: CommandContext): Promise<Loaded> {
  const paths = args.filename as readonly string[];
  return await loadFiles(paths, { readStandardInput: async () => decode(await context.readStandardInput()) });
}

/**
 * Loads what `-f` names; any problem of the files by themselves ends the command, with those that they have with each other
 * and with what is published.
 */
export async function loadValid(args: Arguments, context: CommandContext): Promise<Loaded> {
  const loaded = await loadNamed(args, context);
  if (loaded.problems.length > 0) throw refused(await everyProblem(loaded, context));
  return loaded;
}

async function everyProblem(loaded: Loaded, context: CommandContext): Promise<readonly Problem[]> {
  try {
    return problemsOfLoaded(loaded, await withStore(context, liveDocuments));
  } catch (error) {
    // What the files name may be published: without NATS, only they themselves can be judged.
    if (error instanceof CommandError) return loaded.problems;
    throw error;
  }
}

/** The documents, once they fit what is published; any problem ends the command. */
export async function fitting(loaded: Loaded, store: DocumentStore): Promise<readonly SignalboxDocument[]> {
  const problems = problemsOfLoaded(loaded, await liveDocuments(store));
  if (problems.length > 0) throw refused(problems);
  return loaded.documents.map(({ document }) => document);
}

/** A document that was not loaded from a file, as if it was. */
export function asLoaded(document: SignalboxDocument, source: string): Loaded {
  return { documents: [{ document, file: source }], problems: [], skipped: [], invalid: [] };
}

/** That documents are refused, with every problem. */
export function refused(problems: readonly Problem[]): CommandError {
  return new CommandError(`${formatProblems(problems)}\nNothing was changed.`);
}

function decode(input: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(input);
  } catch (cause) {
    throw new CommandError("Standard input is not UTF-8 text.", exitCode.failed, { cause });
  }
}
