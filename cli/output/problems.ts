import type { Problem } from "../../config/problem.ts";

/** One line per problem: `file: Kind namespace/name: field.path: message`. */
export function formatProblems(problems: readonly Problem[]): string {
  return problems
    .map(({ file, document, path, message }) => [file, document, path, message].filter(Boolean).join(": "))
    .join("\n");
}
