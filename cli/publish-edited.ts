import type { SignalboxDocument } from "../config/documents/document.ts";
import type { Change } from "../config/store/apply.ts";
import type { DocumentStore } from "../config/store/document-store.ts";
import { documentsAfter } from "../planning/documents-after.ts";
import type { Arguments, CommandContext } from "./command.ts";
import { asLoaded } from "./loading.ts";
import { proposedChange } from "./proposed-change.ts";
import { type Published, publishAndWait } from "./receipts.ts";
import { deletionsOf, requireSeatBelt } from "./seat-belt.ts";
import { liveDocuments } from "./store-access.ts";

/** A document that a command made. */
export type Edited = {
  readonly document: SignalboxDocument;
  /** What made it, for messages. */
  readonly source: string;
  /** The revision that it was made from; whatever is there is replaced when absent. */
  readonly editedFrom?: number;
};

/**
 * Publishes documents that a command made, as one change, after checking them against everything that is published, and
 * waits until they are live. A problem, or another revision in between, ends the command.
 */
export async function publishEdited(
  store: DocumentStore,
  edited: readonly Edited[],
  args: Arguments,
  context: CommandContext,
): Promise<Published> {
  const before = await liveDocuments(store);
  const loaded = edited.map(({ document, source }) => asLoaded(document, source));
  const documents = loaded.flatMap((each) => each.documents);
  const problems = loaded.flatMap((each) => each.problems);
  const change = proposedChange({}, { documents, problems, skipped: [], invalid: [] }, before);
  requireSeatBelt(deletionsOf(before, change.deleted, context), args);
  const changes = edited.map(({ document, editedFrom }): Change => {
    return editedFrom === undefined ? { document } : { document, expectedRevision: editedFrom };
  });
  return await publishAndWait(args, context, { before, after: documentsAfter(before, change) }, () =>
    store.apply(changes, { signal: context.signal }),
  );
}
