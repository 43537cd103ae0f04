import type { SignalboxDocument } from "../config/documents/document.ts";
import type { DocumentStore } from "../config/store/document-store.ts";
import { asLoaded, fitting } from "./loading.ts";

/**
 * Publishes one document that a command made from the revision `editedFrom`, after checking it against everything that
 * is published. Answers with the new revision. A problem, or another revision in between, ends the command.
 */
export async function publishEdited(
  store: DocumentStore,
  edited: { readonly document: SignalboxDocument; readonly source: string; readonly editedFrom: number },
  signal: AbortSignal,
): Promise<number> {
  const [document] = await fitting(asLoaded(edited.document, edited.source), store);
  const changes = document ? [{ document, expectedRevision: edited.editedFrom }] : [];
  return (await store.apply(changes, { signal })).revision;
}
