import type { CheckedDocument } from "./check.ts";
import { documentKey, kinds } from "./documents/document.ts";
import { type ParsedValue, parseText } from "./parse-text.ts";
import type { Problem } from "./problem.ts";
import { validateDocument } from "./validate.ts";

/** A valid document of a file. */
export type LoadedDocument = CheckedDocument & { readonly file: string };

/** What files held: the valid documents, and everything that is wrong with the others. */
export type Loaded = {
  readonly documents: readonly LoadedDocument[];
  readonly problems: readonly Problem[];
  /** Files of a folder that hold no document at all. */
  readonly skipped: readonly string[];
  /** The keys of documents that are there but not valid, as far as they can be told. */
  readonly unreadable: ReadonlySet<string>;
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
    unreadable: new Set(all.flatMap(({ unreadable }) => [...unreadable])),
  };
}

/** Nothing but problems of a file as a whole. */
export function failedFile(file: string, ...messages: readonly string[]): Loaded {
  const problems = messages.map((message) => ({ file, document: "", path: "", message }));
  return { documents: [], problems, skipped: [], unreadable: new Set() };
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
    return { documents: [], problems, skipped: [], unreadable: new Set() };
  }
  const { lineOf } = parsed;
  const validation = validateDocument(parsed.value, { file, label });
  if (validation.ok) {
    const document = { document: validation.document, file, ...(lineOf ? { lineOf } : {}) };
    return { documents: [document], problems: [], skipped: [], unreadable: new Set() };
  }
  const problems = validation.problems.map((problem) => {
    const line = lineOf?.(problem.path);
    return line === undefined ? problem : { ...problem, line };
  });
  return { documents: [], problems, skipped: [], unreadable: new Set(keyOfUnknown(parsed.value)) };
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

function keyOfUnknown(value: unknown): string[] {
  const { kind, metadata } = (value ?? {}) as { kind?: unknown; metadata?: Readonly<Record<string, unknown>> | null };
  const known = kinds.find((candidate) => candidate === kind);
  const { name, namespace = "default" } = metadata ?? {};
  return known && typeof name === "string" && typeof namespace === "string"
    ? [documentKey({ kind: known, namespace, name })]
    : [];
}
