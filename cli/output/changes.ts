import type { FieldChange } from "../../config/diff.ts";
import { colour } from "./colour.ts";

/** Lines such as `  ~ spec.policy.timeoutMs: 300 -> 500`, one per field. */
export function formatChanges(changes: readonly FieldChange[], colours: boolean): string[] {
  return changes.map(({ path, before, after }) => {
    if (before === undefined) return colour(colours, "green", `  + ${path}: ${JSON.stringify(after)}`);
    if (after === undefined) return colour(colours, "red", `  - ${path}: ${JSON.stringify(before)}`);
    return colour(colours, "yellow", `  ~ ${path}: ${JSON.stringify(before)} -> ${JSON.stringify(after)}`);
  });
}
