import { stringify } from "yaml";
import type { Arguments, CommandContext, Option } from "../command.ts";

/** The flag of every command that prints data. */
export const outputOption: Readonly<Record<"output", Option>> = {
  output: { alias: "o", describe: "How to print", choices: ["table", "json", "yaml"], default: "table" },
};

/** Prints data as `--output` asks: as it is in JSON or YAML, or as the text that `table` makes of it. */
export function render(args: Arguments, context: CommandContext, data: unknown, table: () => string): void {
  if (args.output === "json") context.print(JSON.stringify(data, null, 2));
  else if (args.output === "yaml") context.print(toYaml(data));
  else context.print(table());
}

/** YAML that every reader takes for the same: no aliases, no folded lines, and `"no"` and `"7"` in quotes. */
export function toYaml(data: unknown): string {
  return stringify(data, { compat: "yaml-1.1", lineWidth: 0, aliasDuplicateObjects: false }).trimEnd();
}
