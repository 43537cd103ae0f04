import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { colour } from "./colour.ts";
import { formatTable } from "./table.ts";

test("aligns columns by what is seen, whatever colours are in the text", () => {
  const rows = [
    [colour(true, "green", "up"), "é1"],
    ["longer", "2"],
  ];
  const plain = stripVTControlCharacters(formatTable(["state", "n"], rows));
  expect(plain).toBe("STATE   N\nup      é1\nlonger  2");
});

test("prints the headings alone when there are no rows", () => {
  expect(formatTable(["kind", "name"], [])).toBe("KIND  NAME");
});
