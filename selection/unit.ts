import type { Context } from "./context.ts";

/**
 * The text that is bucketed: a string attribute as it is, a finite number as JSON writes it (`42`, `-1.5`, `1e+21`).
 * Null, which is "no unit", when the attribute is absent, of another type, or the empty string: callers that have no
 * unit often send "", and all of them in one arm would be no split.
 */
export function unitOf(context: Context, attribute: string): string | null {
  return unitText(context[attribute]);
}

/** {@link unitOf} of the attribute's value. */
export function unitText(value: unknown): string | null {
  if (typeof value === "string") return value === "" ? null : value;
  return typeof value === "number" && Number.isFinite(value) ? String(value) : null;
}
