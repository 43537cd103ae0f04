import fc from "fast-check";
import { expect, test } from "vitest";
import { luaNumber, luaScalar, luaString } from "./literal.ts";

test.each([
  ["plain text", '"plain text"'],
  ['a "quote" and a \\', '"a \\"quote\\" and a \\\\"'],
  ['\\"\\', '"\\\\\\"\\\\"'],
  ["line\nbreak\r\0", '"line\\010break\\013\\000"'],
  ["é😀", '"\\195\\169\\240\\159\\152\\128"'],
  ["1\n2", '"1\\0102"'],
])("%j", (text, literal) => {
  expect(luaString(text)).toBe(literal);
});

test("a text is one literal of printable ASCII that nothing in it ends, and its bytes come back from it", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const literal = luaString(text);
      expect(literal).toMatch(/^"(?:[ !#-[\]-~]|\\[0-9]{3}|\\["\\])*"$/);
      const bytes = [...literal.slice(1, -1).matchAll(/\\([0-9]{3})|\\?(.)/g)].map(([, code, plain]) =>
        code === undefined ? (plain ?? "").charCodeAt(0) : Number(code),
      );
      expect(Buffer.from(bytes)).toEqual(Buffer.from(new TextEncoder().encode(text)));
    }),
  );
});

test("numbers are Lua numerals, and those that are none are refused", () => {
  expect([0, -0, 1.5, -1, 1e21, 5e-324].map(luaNumber)).toEqual(["0", "(0)", "1.5", "(-1)", "1e+21", "5e-324"]);
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) expect(() => luaNumber(bad)).toThrow("no number");
  expect([true, false, "x"].map(luaScalar)).toEqual(["true", "false", '"x"']);
});
