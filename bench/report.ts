import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const outputFolder = fileURLToPath(new URL("./out", import.meta.url));

/** Figure name to number; names of ratios end in `Ratio`. */
export type Figures = Readonly<Record<string, number>>;

/** One row of a benchmark's table. */
export type Row = Readonly<Record<string, string | number>>;

/** Prints the table and the figures, and writes the figures as one flat object to `bench/out/<name>.json`. */
export function report(name: string, rows: readonly Row[], figures: Figures): void {
  if (rows.length > 0) console.table(rows);
  const rounded = Object.fromEntries(
    Object.entries(figures).map(([key, value]) => [key, Number(value.toPrecision(4))]),
  );
  for (const [key, value] of Object.entries(rounded)) console.log(`${key.padEnd(44)} ${value}`);
  mkdirSync(outputFolder, { recursive: true });
  writeFileSync(join(outputFolder, `${name}.json`), `${JSON.stringify(rounded, null, 2)}\n`);
}

/** The middle value; of an even number, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = Number.NaN, high = Number.NaN] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[middle]];
  return (low + high) / 2;
}

/** The smallest value that so many per cent of the values do not exceed. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN;
}
