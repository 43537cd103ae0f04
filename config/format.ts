import { stringify } from "yaml";
import { canonicalJson } from "./canonical-json.ts";
import type { SignalboxDocument } from "./documents/document.ts";

/**
 * The bytes that the store holds: JSON with sorted keys and without white space, so that equal documents have equal
 * bytes. `metadata.revision` is left out: it says what the document was edited from, and is never stored.
 */
export function documentBytes(document: SignalboxDocument): Uint8Array {
  return new TextEncoder().encode(canonicalJson(withoutRevision(document)));
}

/**
 * YAML for people, one document without a `---`. Strings that any YAML reader would take for something else are quoted
 * (`"7"`, `"no"`, `"2026-11-21"`), long lines are never folded, and nothing is aliased.
 */
export function documentYaml(document: SignalboxDocument | Readonly<Record<string, unknown>>): string {
  return stringify(document, { compat: "yaml-1.1", lineWidth: 0, aliasDuplicateObjects: false });
}

/** Several documents in one YAML stream, separated by `---`. */
export function documentsYaml(documents: readonly SignalboxDocument[]): string {
  return documents.map(documentYaml).join("---\n");
}

/** The document without the revision that it was edited from. */
export function withoutRevision<D extends SignalboxDocument>(document: D): D {
  const { revision: _, ...metadata } = document.metadata;
  return { ...document, metadata };
}
