import { CommandError, exitCode } from "./exit-codes.ts";

/**
 * The context of `--context key=value ...`. A value that reads as a JSON number, boolean, list or quoted string is
 * that; anything else is the text itself (`country=US`, `userId=user-1`). For a text of digits write `id="42"`, quotes
 * included.
 */
export function parseContextFlags(flags: readonly string[]): Record<string, unknown> {
  const entries = flags.map((flag): [string, unknown] => {
    const at = flag.indexOf("=");
    if (at < 1) throw new CommandError(`--context ${flag}: give key=value, such as country=US`, exitCode.usage);
    return [flag.slice(0, at), parseValue(flag.slice(at + 1))];
  });
  return Object.fromEntries(entries);
}

function parseValue(text: string): unknown {
  if (!/^(-?\d|true$|false$|\[|")/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
