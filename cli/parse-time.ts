import type { Option } from "./command.ts";
import { CommandError, exitCode } from "./exit-codes.ts";

const example = "a time with its zone such as 2026-11-21T03:00:00Z";

/** The flag that says by which time experiments run. */
export const nowOption: Readonly<Record<"now", Option>> = {
  now: { describe: `By which time experiments start and end, if not now: ${example}` },
};

/** `--now` in milliseconds since the epoch; the clock's time without it. */
export function parseNow(value: unknown): number {
  if (value === undefined) return Date.now();
  if (isTime(String(value))) return Date.parse(String(value));
  throw new CommandError(`--now ${value}: give ${example}.`, exitCode.usage);
}

/** Whether a text is a date and time with its zone, so that it means the same everywhere. */
export function isTime(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}T.*(Z|[+-]\d{2}:?\d{2})$/.test(text) && !Number.isNaN(Date.parse(text));
}
