import { readFileSync } from "node:fs";
import { join } from "node:path";
import { projectFolder } from "../../setup/paths.js";

/** The text of docs/operations.md. */
export const operationsText = readFileSync(join(projectFolder, "docs/operations.md"), "utf8");

/** The fenced blocks of a language, in order. */
export function blocksOf(language: string): string[] {
  const fence = new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, "gm");
  return [...operationsText.matchAll(fence)].map((match) => match[1] ?? "");
}

/**
 * The rows of all tables between a heading and the next one, without their header row: each cell as it is written. Throws
 * when there is none.
 */
export function rowsUnder(heading: string): string[][] {
  const [, after = ""] = operationsText.split(`\n${heading}\n`);
  const section = after.split(/^#+ /m)[0] ?? "";
  const tables = section.split(/\n(?!\|)/).map((part) => part.split("\n").filter((line) => line.startsWith("|")));
  const rows = tables.flatMap((lines) => lines.slice(2).map(cellsOf));
  if (rows.length === 0) throw new Error(`docs/operations.md has no table under "${heading}"`);
  return rows;
}

/** The words in backticks of a cell. */
export function codesOf(cell = ""): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? "");
}

/** The first word in backticks of the first cell of each row. */
export function namesUnder(heading: string): string[] {
  return rowsUnder(heading).flatMap(([first]) => codesOf(first).slice(0, 1));
}

function cellsOf(line: string): string[] {
  const cells = line.split("|").map((cell) => cell.trim());
  return cells.slice(1, -1);
}
