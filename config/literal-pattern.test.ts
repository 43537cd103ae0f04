import fc from "fast-check";
import { expect, test } from "vitest";
import { literalPattern } from "./literal-pattern.ts";
import { compilePattern } from "./pattern.ts";

test.each([
  ["^tv$", { text: "tv", atStart: true, atEnd: true }],
  ["^en-", { text: "en-", atStart: true, atEnd: false }],
  ["@example\\.com$", { text: "@example.com", atStart: false, atEnd: true }],
  ["é😀", { text: "é😀", atStart: false, atEnd: false }],
  ["", { text: "", atStart: false, atEnd: false }],
  ["a\\+b\\\\", { text: "a+b\\", atStart: false, atEnd: false }],
])("%s is a text", (expression, literal) => {
  expect(literalPattern(expression)).toEqual(literal);
});

test.each([
  "a.c",
  "a|b",
  "[ab]",
  "a*",
  "(a)",
  "a{2}",
  "\\d",
  "\\x41",
  "(?i)a",
  "a^b",
  "a$b",
  "\\ud800",
  "\ud800",
  "a\\",
  "a\nb",
])("%j needs an engine", (expression) => {
  expect(literalPattern(expression)).toBeNull();
});

test("what is read as a text matches as RE2 has it", () => {
  const piece = fc.constantFrom(
    "a",
    "b",
    "^",
    "$",
    "\\.",
    "\\$",
    "\\^",
    "-",
    " ",
    "é",
    "😀",
    "\\\\",
    ".",
    "|",
    "\\-",
    "/",
  );
  const expression = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join(""));
  const subject = fc.array(fc.constantFrom("a", "b", ".", "$", "^", "-", " ", "é", "😀", "\\", "/", "\n"), {
    maxLength: 6,
  });
  fc.assert(
    fc.property(expression, subject, (pattern, characters) => {
      const literal = literalPattern(pattern);
      const compiled = compilePattern(pattern);
      if (literal === null || !compiled.ok) return;
      const text = characters.join("");
      const { atStart, atEnd } = literal;
      const holds =
        atStart && atEnd
          ? text === literal.text
          : atStart
            ? text.startsWith(literal.text)
            : atEnd
              ? text.endsWith(literal.text)
              : text.includes(literal.text);
      expect(holds).toBe(compiled.test(text));
    }),
    { numRuns: 2000 },
  );
});
