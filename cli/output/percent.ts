import type { Share } from "../../planning/tally.ts";

/** A share and how far it may be off: `4.9 % ±0.4`. One that was counted to the last context has no margin. */
export function percentText({ percent, marginPercent }: Share, isSample: boolean): string {
  const digits = percent > 0 && percent < 1 ? 2 : 1;
  const margin = isSample && percent > 0 && percent < 100 ? ` ±${marginPercent.toFixed(digits)}` : "";
  return `${percent.toFixed(digits)} %${margin}`;
}
