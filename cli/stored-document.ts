import type { SignalboxDocument } from "../config/documents/document.ts";
import type { StoredEntry } from "../config/live-documents.ts";
import { validateDocument } from "../config/validate.ts";

/** The document that a store entry holds; null for a deletion, and for bytes that are no valid document. */
export function storedDocument(entry: StoredEntry | null | undefined): SignalboxDocument | null {
  if (!entry?.value) return null;
  try {
    const validation = validateDocument(JSON.parse(Buffer.from(entry.value).toString("utf8")));
    return validation.ok ? validation.document : null;
  } catch {
    return null;
  }
}
