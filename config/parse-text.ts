import { type Document, isCollection, isNode, isSeq, LineCounter, type Node, parseAllDocuments, visit } from "yaml";
import { shortened } from "./describe-value.ts";
import { type FieldPath, parsePath } from "./field-path.ts";
import { limits } from "./limits.ts";

/** One value of a text, before anything is known of its kind. */
export type ParsedValue = {
  /** Position in the text, from 1. */
  readonly position: number;
  readonly value: unknown;
  /** What makes the text unreadable; then the value means nothing. */
  readonly faults: readonly Fault[];
  readonly line: number;
  readonly lineOf: (path: string) => number | undefined;
};

/** Something wrong with the text itself. */
export type Fault = { readonly line: number; readonly message: string };

/**
 * Reads YAML 1.2 (core schema; several documents in one stream) or JSON (one document, or a list of them). Repeated
 * keys, aliases that stand inside what they name or multiply without bounds, unknown tags, keys that are not plain, and
 * whole numbers with more digits than a number keeps are faults, each with its line. Empty documents are left out.
 */
export function parseText(text: string, format: "yaml" | "json"): ParsedValue[] {
  const source = text.startsWith("\uFEFF") ? text.slice(1) : text;
  const json = format === "json" ? parseJson(source) : null;
  if (json && "fault" in json) return [unreadable(json.fault)];
  const lines = new LineCounter();
  const documents = parseAllDocuments(source, {
    version: "1.2",
    uniqueKeys: true,
    lineCounter: lines,
    prettyErrors: false,
  });
  const parsed = [...documents].filter((document) => document.contents !== null || document.errors.length > 0);
  return parsed
    .flatMap((document) => valuesOf(document, lines, json))
    .map((value, index) => ({ ...value, position: index + 1 }));
}

type Json = { readonly value: unknown };

function parseJson(text: string): Json | { readonly fault: string } {
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    return { fault: `is not JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
}

function unreadable(message: string): ParsedValue {
  return { position: 1, value: undefined, faults: [{ line: 1, message }], line: 1, lineOf: () => undefined };
}

type Unnumbered = Omit<ParsedValue, "position">;

/** The value of one YAML document; those of its entries when it is a list, so that one file can list documents. */
function valuesOf(document: Document.Parsed, lines: LineCounter, json: Json | null): Unnumbered[] {
  const lineAt = (offset: number) => lines.linePos(offset).line;
  const faults = json ? [] : faultsOf(document, lineAt);
  const duplicates = json ? document.errors.filter(({ code }) => code === "DUPLICATE_KEY") : [];
  for (const { message, pos } of duplicates) faults.push({ line: lineAt(pos[0]), message });
  const resolved = faults.length > 0 ? { value: undefined } : (json ?? resolve(document));
  if ("fault" in resolved) faults.push({ line: lineAt(document.range?.[0] ?? 0), message: resolved.fault });
  const at = (root: FieldPath, value: unknown): Unnumbered => ({
    value,
    faults,
    line: lineOfNode(document, root, lineAt),
    lineOf: (path) => lineOfNode(document, [...root, ...parsePath(path)], lineAt),
  });
  const value = "value" in resolved ? resolved.value : undefined;
  return isSeq(document.contents) && Array.isArray(value)
    ? value.map((each, index) => at([index], each))
    : [at([], value)];
}

function resolve(document: Document.Parsed): Json | { readonly fault: string } {
  try {
    return { value: document.toJS({ maxAliasCount: limits.aliasesPerDocument }) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const excessive = `its aliases multiply to more than ${limits.aliasesPerDocument} values (limit aliasesPerDocument); write the values out`;
    return { fault: reason.startsWith("Excessive alias count") ? excessive : reason };
  }
}

function faultsOf(document: Document.Parsed, lineAt: (offset: number) => number): Fault[] {
  const faults = [...document.errors, ...document.warnings].map(({ message, pos }) => ({
    line: lineAt(pos[0]),
    message,
  }));
  const fault = (node: Node, message: string) => faults.push({ line: lineAt(node.range?.[0] ?? 0), message });
  visit(document, {
    Alias: (_key, alias, path) => {
      const named = alias.resolve(document);
      if (!named) fault(alias, `the alias *${alias.source} names nothing that comes before it`);
      else if (path.includes(named))
        fault(alias, `the alias *${alias.source} stands inside what it names, which never ends`);
    },
    Pair: (_key, { key }) => {
      if (isCollection(key)) fault(key, "a field name must be plain text, found a list or an object");
    },
    Scalar: (_key, scalar) => {
      if (losesDigits(scalar.value, scalar.source))
        fault(
          scalar,
          `the number ${shortened(scalar.source ?? "")} has more digits than a number keeps; put it in quotes`,
        );
    },
  });
  return faults;
}

/** Whether a whole number reads back as another one than is written. */
function losesDigits(value: unknown, source = ""): boolean {
  const digits = /^\+?(-?)0*([0-9]+)$/.exec(source);
  return typeof value === "number" && digits !== null && String(value) !== `${digits[1]}${digits[2]}` && value !== 0;
}

/** The line of a field, or of the nearest one around it that is written out. */
function lineOfNode(document: Document.Parsed, path: FieldPath, lineAt: (offset: number) => number): number {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return lineAt(node.range[0]);
  }
  return lineAt(document.contents?.range?.[0] ?? document.range?.[0] ?? 0);
}
