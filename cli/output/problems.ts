import { formatProblem, type Problem } from "../../config/problem.ts";
import { printable } from "./printable.ts";

/** One line per problem: `file:line: Kind namespace/name: field.path: message`. */
export function formatProblems(problems: readonly Problem[]): string {
  return problems.map((problem) => printable(formatProblem(problem))).join("\n");
}
