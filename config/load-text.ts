import type { CheckedDocument } from "./check.ts";
import { type ParsedValue, parseText } from "./parse-text.ts";
import type { Problem } from "./problem.ts";
import { sketchOf } from "./sketch.ts";
import { validateDocument } from "./validate.ts";

/** A document of a file. */
export type LoadedDocument = CheckedDocument & { readonly file: string };

/** What files held: the valid documents, and everything that is wrong with the others. */
export type Loaded = {
  readonly documents: readonly LoadedDocument[];
  readonly problems: readonly Problem[];
  /** Files of a folder that hold no document at all. */
  readonly skipped: readonly string[];
  /** Sketches of the documents that are there but not valid, as far as it can be told what they are called. */
  readonly invalid: readonly LoadedDocument[];
};

/**
 * Reads the documents of a text: YAML (several documents) or JSON (one, or a list). `file` is what the messages call
 * it; documents without a readable name are called `document 1`, `document 2`. Does no I/O.
 */
export function loadText(text: string, file: string, format: "yaml" | "json" = guessFormat(text)): Loaded {
  const values = parseText(text, format);
  return values.length === 0 ? empty(file) : joinLoaded(values.map((value) => loadValue(value, file)));
}

/** Several results as one, in order. */
export function joinLoaded(all: readonly Loaded[]): Loaded {
  return {
    documents: all.flatMap(({ documents }) => documents),
    problems: all.flatMap(({ problems }) => problems),
    skipped: all.flatMap(({ skipped }) => skipped),
    invalid: all.flatMap(({ invalid }) => invalid),
  };
}

/** Nothing but problems of a file as a whole. */
export function failedFile(file: string, ...messages: readonly string[]): Loaded {
  const problems = messages.map((message) => ({ file, document: "", path: "", message }));
  return { documents: [], problems, skipped: [], invalid: [] };
}

function empty(file: string): Loaded {
  return failedFile(file, "holds no document; a document has apiVersion, kind, metadata and spec");
}

/** Validates one value of a file, however it was read. */
export function loadValue(
  parsed: Pick<ParsedValue, "position" | "value"> & Partial<ParsedValue>,
  file: string,
): Loaded {
  const label = `document ${parsed.position}`;
  if (parsed.faults && parsed.faults.length > 0) {
    const problems = parsed.faults.map((fault) => ({ file, document: label, path: "", ...fault }));
    return { documents: [], problems, skipped: [], invalid: [] };
  }
  const origin = { file, ...(parsed.lineOf ? { lineOf: parsed.lineOf } : {}) };
  const validation = validateDocument(parsed.value, { file, label });
  if (validation.ok) {
    return { documents: [{ document: validation.document, ...origin }], problems: [], skipped: [], invalid: [] };
  }
  const problems = validation.problems.map((problem) => {
    const line = parsed.lineOf?.(problem.path);
    return line === undefined ? problem : { ...problem, line };
  });
  const sketch = sketchOf(parsed.value);
  return { documents: [], problems, skipped: [], invalid: sketch ? [{ document: sketch, ...origin }] : [] };
}

/** Whether a value was meant to be a document: it has an apiVersion, or a kind and metadata or spec. */
export function looksLikeDocument(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return "apiVersion" in value || ("kind" in value && ("metadata" in value || "spec" in value));
}

function guessFormat(text: string): "yaml" | "json" {
  return /^\s*[{[]/.test(text) && isJson(text) ? "json" : "yaml";
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
