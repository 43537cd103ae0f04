import type { FieldProblem } from "./explain-issue.ts";
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

/** `path` is that of the value, and is as it was afterwards. */
function visit(value: unknown, path: (string | number)[], problems: FieldProblem[]): void {
  if (typeof value !== "object" || value === null || problems.length >= limits.problemsPerDocument) return;
  if (path.length >= limits.nestingDepth) {
    problems.push({
      path: path.slice(0, 8),
      message: `holds more than ${limits.nestingDepth} levels (limit nestingDepth)`,
    });
    return;
  }
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) visitPart(value[index], index, path, problems);
    return;
  }
  for (const key of Object.keys(value)) {
    if (key === "__proto__") problems.push({ path: [...path, key], message: "no field may have this name; rename it" });
    else visitPart((value as Record<string, unknown>)[key], key, path, problems);
  }
}

function visitPart(part: unknown, step: string | number, path: (string | number)[], problems: FieldProblem[]): void {
  path.push(step);
  visit(part, path, problems);
  path.pop();
}
