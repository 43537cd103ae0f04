import type { Option } from "./command.ts";
import { CommandError, exitCode } from "./exit-codes.ts";

/** The flag that says how many made-up units are decided. */
export function unitsOption(byDefault?: string): Readonly<Record<"units", Option>> {
  const described = { describe: "Made-up units to decide for, such as 100000 or 1e6" };
  return { units: byDefault === undefined ? described : { ...described, default: byDefault } };
}

const mostUnits = 1e8;

/** `--units`: a whole number, `1e6` too. */
export function parseUnits(value: unknown): number {
  const units = Number(value);
  if (/^\d+(e\d+)?$/i.test(String(value)) && units >= 1 && units <= mostUnits) return units;
  throw new CommandError(`--units ${value}: give a whole number from 1 to ${mostUnits}, such as 1e6.`, exitCode.usage);
}
