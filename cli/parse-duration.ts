import { CommandError, exitCode } from "./exit-codes.ts";

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of a duration such as `500ms`, `30s`, `5m`, `2h` or `1d`; anything else ends the command. */
export function parseDuration(flag: string, text: string): number {
  const [, number = "", unit = ""] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? [];
  const milliseconds = Number(number) * (unitsMs[unit] ?? Number.NaN);
  if (number !== "" && milliseconds <= (unitsMs.d ?? 0) * 7) return milliseconds;
  throw new CommandError(`--${flag} ${text}: give a duration such as 500ms, 30s or 5m, at most 7d.`, exitCode.usage);
}
