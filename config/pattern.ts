import { RE2JS } from "re2js";

/** A compiled regular expression, or why it is none. */
export type Pattern =
  | { readonly ok: true; test(text: string): boolean }
  | { readonly ok: false; readonly reason: string };

/**
 * Compiles a regular expression in RE2 syntax (https://github.com/google/re2/wiki/Syntax): matching takes time linear
 * in the text, whatever the expression. `test` finds it anywhere in the text. There are no look-arounds and no
 * back-references.
 */
export function compilePattern(expression: string): Pattern {
  try {
    const compiled = RE2JS.compile(expression);
    return { ok: true, test: (text) => compiled.test(text) };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}
