import type { FieldProblem } from "./explain-issue.ts";
import type { FieldPath } from "./field-path.ts";
import { limits } from "./limits.ts";

/**
 * What no document may hold, whatever its kind: a field called `__proto__`, and more than 64 lists and objects inside
 * each other (a value that holds itself has endlessly many). Runs before anything else looks at the value, and never
 * recurses deeper than that limit.
 */
export function guardValue(value: unknown): FieldProblem[] {
  const problems: FieldProblem[] = [];
  visit(value, [], problems);
  return problems;
}

function visit(value: unknown, path: FieldPath, problems: FieldProblem[]): void {
  if (typeof value !== "object" || value === null || problems.length >= limits.problemsPerDocument) return;
  if (path.length >= limits.nestingDepth) {
    problems.push({
      path: path.slice(0, 8),
      message: `holds more than ${limits.nestingDepth} levels (limit nestingDepth)`,
    });
    return;
  }
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) visit(item, [...path, index], problems);
    return;
  }
  for (const key of Object.keys(value)) {
    const inner = [...path, key];
    if (key === "__proto__") problems.push({ path: inner, message: "no field may have this name; rename it" });
    else visit((value as Record<string, unknown>)[key], inner, problems);
  }
}
