/** A regular expression that is no more than a text to compare with; `^` and `$` say where in the string it must stand. */
export type LiteralPattern = { readonly text: string; readonly atStart: boolean; readonly atEnd: boolean };

/**
 * Reads a pattern in RE2 syntax that consists of letters, digits, spaces, harmless punctuation, escaped punctuation, `^`
 * in front and `$` at the end. Null for every other: it needs a regular expression engine.
 */
export function literalPattern(expression: string): LiteralPattern | null {
  const match = /^(\^?)((?:[A-Za-z0-9 _\-/:;,<>=@#%&~"'!`]|[^\0-\x7f]|\\[^A-Za-z0-9\0-\x20\x7f-\uffff])*)(\$?)$/s.exec(
    expression,
  );
  if (!match) return null;
  const [, start, text = "", end] = match;
  if (!text.isWellFormed()) return null;
  return { text: text.replace(/\\(.)/g, "$1"), atStart: start === "^", atEnd: end === "$" };
}
