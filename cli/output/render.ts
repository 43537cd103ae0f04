import { stringify } from "yaml";
import type { Arguments, CommandContext, Option } from "../command.ts";

/** The flag of every command that prints data. */
export const outputOption: Readonly<Record<"output", Option>> = {
  output: { alias: "o", describe: "How to print", choices: ["table", "json", "yaml"], default: "table" },
};

/** Prints data as `--output` asks: as it is in JSON or YAML, or as the text that `table` makes of it. */
export function render(args: Arguments, context: CommandContext, data: unknown, table: () => string): void {
  if (args.output === "json") context.print(JSON.stringify(data, null, 2));
  else if (args.output === "yaml") context.print(stringify(data, { version: "1.1" }).trimEnd());
  else context.print(table());
}
