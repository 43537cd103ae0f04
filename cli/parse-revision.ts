import { CommandError, exitCode } from "./exit-codes.ts";

/** A store revision given with a flag; anything else ends the command. */
export function parseRevision(flag: string, text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new CommandError(`--${flag} ${text}: give a revision, a whole number such as 42.`, exitCode.usage);
}
