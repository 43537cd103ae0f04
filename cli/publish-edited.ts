import type { SignalboxDocument } from "../config/documents/document.ts";
import { problemsOfLoaded } from "../config/load.ts";
import type { DocumentStore } from "../config/store/document-store.ts";
import { CommandError } from "./exit-codes.ts";
import { formatProblems } from "./output/problems.ts";
import { liveOf } from "./store-access.ts";

/**
 * Publishes one document that a command made from the revision `editedFrom`, after checking it against everything that
 * is published. Answers with the new revision. A problem, or another revision in between, ends the command.
 */
export async function publishEdited(
  store: DocumentStore,
  edited: { readonly document: SignalboxDocument; readonly source: string; readonly editedFrom: number },
  signal: AbortSignal,
): Promise<number> {
  const { document, source, editedFrom } = edited;
  const loaded = { documents: [{ document, file: source }], problems: [], skipped: [], unreadable: new Set<string>() };
  const problems = problemsOfLoaded(loaded, liveOf(await store.list()));
  if (problems.length > 0) throw new CommandError(`${formatProblems(problems)}\nNothing was changed.`);
  return (await store.apply([{ document, expectedRevision: editedFrom }], { signal })).revision;
}
