import { type DocumentId, parseDocumentKey, type SignalboxDocument } from "../config/documents/document.ts";
import type { StoredEntry } from "../config/live-documents.ts";
import { nearest } from "../config/nearest.ts";
import type { DocumentStore } from "../config/store/document-store.ts";
import { validateBytes } from "../config/validate.ts";
import { titleOf } from "./document-kinds.ts";
import { CommandError } from "./exit-codes.ts";

/** The document that a store entry holds; null for a deletion, and for bytes that are no valid document. */
export function storedDocument(entry: StoredEntry | null | undefined): SignalboxDocument | null {
  const id = entry && parseDocumentKey(entry.key);
  if (!entry?.value || !id) return null;
  const validation = validateBytes(entry.value, id);
  return validation.ok ? validation.document : null;
}

/** That a document does not exist, with the nearest name that does. */
export async function missingDocument(store: DocumentStore, id: DocumentId, more = ""): Promise<CommandError> {
  const others = await store.list({ kind: id.kind, namespace: id.namespace });
  const names = others.flatMap(({ key }) => parseDocumentKey(key)?.name ?? []);
  const close = nearest(
    id.name,
    names.filter((name) => name !== id.name),
  );
  return new CommandError(`There is no ${titleOf(id)}${more}.${close === null ? "" : ` Did you mean ${close}?`}`);
}
