import { liveDocument } from "../config/check.ts";
import { type DocumentId, documentId, documentKey, type SignalboxDocument } from "../config/documents/document.ts";
import { documentBytes } from "../config/format.ts";
import type { LiveDocuments, StoredEntry } from "../config/live-documents.ts";
import { settle } from "../config/settle.ts";

/** Documents to publish and documents to delete, as one atomic batch. */
export type ProposedChange = {
  readonly documents: readonly SignalboxDocument[];
  readonly deleted: readonly DocumentId[];
};

/**
 * What every consumer will have in force once the change is published: the very function that they use, so that what
 * they would refuse or hold back changes nothing here either, and what waited for the change goes live with it.
 */
export function documentsAfter(live: LiveDocuments, { documents, deleted }: ProposedChange): LiveDocuments {
  const at = new Date(0).toISOString();
  const values: [string, Uint8Array | null][] = [
    ...documents.map((document): [string, Uint8Array] => [documentKey(documentId(document)), documentBytes(document)]),
    ...deleted.map((id): [string, null] => [documentKey(id), null]),
  ];
  // What is as it is live already is not published again.
  const changed = values.filter(([key, value]) => !isLive(live, key, value));
  const batch = changed.map(([key, value], index): StoredEntry => {
    return { key, value, at, revision: live.revision + 1 + index };
  });
  return settle(live, batch, new Date(0));
}

function isLive(live: LiveDocuments, key: string, value: Uint8Array | null): boolean {
  const document = liveDocument(live, key);
  if (!document || !value) return !document && !value;
  return Buffer.compare(documentBytes(document), value) === 0;
}
