import { diffDocuments, type FieldChange } from "../config/diff.ts";
import { documentId, type SignalboxDocument } from "../config/documents/document.ts";
import type { StoredEntry } from "../config/live-documents.ts";
import { titleOf } from "./document-kinds.ts";
import { storedDocument } from "./stored-document.ts";

/** What publishing a document would do to the one that is stored. */
export type DocumentDiff = {
  readonly document: string;
  /** "mended": what is stored now is no valid document. */
  readonly change: "created" | "updated" | "mended" | "unchanged";
  readonly fields: readonly FieldChange[];
};

export function diffOf(entry: StoredEntry | undefined, document: SignalboxDocument): DocumentDiff {
  const title = titleOf(documentId(document));
  if (!entry) return { document: title, change: "created", fields: [] };
  const before = storedDocument(entry);
  if (!before) return { document: title, change: "mended", fields: [] };
  const fields = diffDocuments(before, document);
  return { document: title, change: fields.length > 0 ? "updated" : "unchanged", fields };
}
