import { stripVTControlCharacters } from "node:util";

/** Rows of text under headings, columns aligned with two blanks between; nothing but the headings when there are no rows. */
export function formatTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = headings.map((heading, column) =>
    Math.max(displayWidth(heading), ...rows.map((row) => displayWidth(row[column] ?? ""))),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - displayWidth(cell)))
      .join("  ")
      .trimEnd();
  return [headings.map((heading) => heading.toUpperCase()), ...rows].map(line).join("\n");
}

function displayWidth(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}
