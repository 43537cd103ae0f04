import { type DocumentId, documentId, documentKey, type SignalboxDocument } from "../config/documents/document.ts";
import { type Live, type LiveDocuments, liveMapsOf } from "../config/live-documents.ts";
import type { DocumentStore } from "../config/store/document-store.ts";
import type { ListFilter, Moment } from "../config/store/read.ts";
import type { CommandContext } from "./command.ts";
import { printable } from "./output/printable.ts";
import { formatProblems } from "./output/problems.ts";
import { bytesContent, type Content, documentContent } from "./stored-content.ts";
import { missingDocument } from "./stored-document.ts";

/** The documents that were live at a moment, in key order. What was refused at that time is told as a warning. */
export async function documentsLiveAt(
  store: DocumentStore,
  filter: ListFilter,
  moment: Moment,
  context: CommandContext,
): Promise<Content[]> {
  const [live, stored] = await Promise.all([store.liveAt(moment), store.list(filter, moment)]);
  const published = new Map(stored.map(({ key, revision, at }) => [`${key} ${revision}`, at]));
  const found = liveOf(live).filter(({ document: { kind, metadata } }) => {
    const { kind: wanted = kind, namespace = metadata.namespace } = filter;
    return kind === wanted && metadata.namespace === namespace;
  });
  for (const { key } of stored) warnOfRefusal(live, key, context);
  return found
    .map(({ document, revision }) => {
      const key = documentKey(documentId(document));
      return documentContent(document, key, revision, published.get(`${key} ${revision}`));
    })
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** One document as it was live at a moment; as it was stored, with a warning, when no consumer had it in force. */
export async function documentLiveAt(
  store: DocumentStore,
  id: DocumentId,
  moment: Moment,
  context: CommandContext,
): Promise<Content> {
  const key = documentKey(id);
  const stored = await store.get(id, moment);
  const live = await store.liveAt(moment);
  warnOfRefusal(live, key, context);
  const found = liveOf(live).find(({ document }) => documentKey(documentId(document)) === key);
  if (found) return documentContent(found.document, key, found.revision, undefined);
  if (stored?.value) return bytesContent(stored);
  const when = "revision" in moment ? `revision ${moment.revision}` : String(moment.at);
  throw await missingDocument(store, id, ` at ${when}`);
}

function liveOf(live: LiveDocuments): Live<SignalboxDocument>[] {
  return liveMapsOf(live).flatMap((map) => [...map.values()]);
}

function warnOfRefusal({ rejections }: LiveDocuments, key: string, context: CommandContext): void {
  const rejection = rejections.get(key);
  if (rejection)
    context.warn(
      `Revision ${rejection.revision} of ${printable(key)} was refused: ${formatProblems(rejection.problems).replaceAll("\n", "; ")}`,
    );
}
