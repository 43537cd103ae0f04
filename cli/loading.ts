import { loadFiles } from "../config/load.ts";
import type { Loaded } from "../config/load-text.ts";
import type { Arguments, CommandContext, Option } from "./command.ts";

/** The flag that names documents on disk. */
export const fileOption: Readonly<Record<"filename", Option>> = {
  filename: {
    alias: "f",
    describe: "A file (YAML, JSON, TypeScript), a folder, or - for standard input; may be given more than once",
    type: "string",
    array: true,
    required: true,
  },
};

/** Loads what `-f` names. */
export async function loadNamed(args: Arguments, context: CommandContext): Promise<Loaded> {
  const paths = args.filename as readonly string[];
  return await loadFiles(paths, { readStandardInput: context.readStandardInput });
}
