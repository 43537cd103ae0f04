import { styleText } from "node:util";

export type Colour = "red" | "green" | "yellow" | "dim" | "bold";

/** Colours text when `enabled`; otherwise gives it back as it is. */
export function colour(enabled: boolean, name: Colour, text: string): string {
  return enabled ? styleText(name, text, { validateStream: false }) : text;
}
