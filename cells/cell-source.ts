import { z } from "zod";
import { explainIssue, problemsOfIssues } from "../config/explain-issue.ts";
import { formatPath } from "../config/field-path.ts";

/**
 * An outside experiment platform: the cells that a unit is in, each `<key>=<arm>`; an empty list when it is in none. Throws
 * or rejects when the platform cannot be asked or answers something else. The signal aborts when the answer is of no use any
 * more.
 */
export type CellSource = (
  question: CellQuestion,
  signal: AbortSignal,
) => Promise<readonly string[]> | readonly string[];

export type CellQuestion = {
  readonly namespace: string;
  /** The attribute that is bucketed, and its text. */
  readonly attribute: string;
  readonly unit: string;
};

const cellList = z.array(z.string().max(1024)).max(1024);

/** What a platform answered, when it is a list of cells: at most 1,024 texts of at most 1,024 characters. Throws otherwise. */
export function parseCells(answer: unknown): readonly string[] {
  const parsed = cellList.safeParse(answer, { error: explainIssue });
  if (parsed.success) return parsed.data;
  const [{ path, message } = { path: [], message: "" }] = problemsOfIssues(parsed.error.issues);
  const place = formatPath(["cells", ...path]);
  throw new Error(`the experiment platform's ${place} ${message}; an answer is a list of texts <key>=<arm>`);
}
