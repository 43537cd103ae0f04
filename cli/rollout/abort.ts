import { type DocumentId, parseDocumentKey } from "../../config/documents/document.ts";
import type { StoredEntry } from "../../config/live-documents.ts";
import type { Change } from "../../config/store/apply.ts";
import type { DocumentStore } from "../../config/store/document-store.ts";
import { documentsAfter } from "../../planning/documents-after.ts";
import { type Undo, undoOf } from "../../planning/staged-rollout.ts";
import type { Arguments, CommandContext } from "../command.ts";
import { titleOf } from "../document-kinds.ts";
import { CommandError } from "../exit-codes.ts";
import { type Published, publishAndWait } from "../receipts.ts";
import { liveDocuments } from "../store-access.ts";
import { storedDocument } from "../stored-document.ts";
import { firstRevision, type StoredRollout } from "./stored-rollout.ts";

/** Publishes what was there before the rollout, for everybody, and takes its pin away, as one change. */
export async function abortRollout(
  store: DocumentStore,
  rollout: StoredRollout,
  args: Arguments,
  context: CommandContext,
): Promise<Published> {
  const undos = await planUndo(store, rollout);
  for (const undo of undos) {
    if (undo.to === "left")
      context.warn(`${titleOfKey(undo.key)} was published again since, as revision ${undo.revision}: it stays.`);
  }
  const changes = undos.flatMap(changeOf);
  const before = await liveDocuments(store);
  const after = documentsAfter(before, {
    documents: changes.flatMap((change) => ("document" in change ? [change.document] : [])),
    deleted: [rollout.id, ...changes.flatMap((change) => ("delete" in change ? [change.delete] : []))],
  });
  const all: Change[] = [...changes, { delete: rollout.id, expectedRevision: rollout.revision }];
  return await publishAndWait(args, context, { before, after }, () => store.apply(all, { signal: context.signal }));
}

async function planUndo(store: DocumentStore, rollout: StoredRollout): Promise<Undo[]> {
  const keys = Object.keys(rollout.pin.spec.rollout.before);
  const histories = await Promise.all(
    keys.map(async (key): Promise<[string, StoredEntry[]]> => {
      const id = parseDocumentKey(key);
      return [key, id ? await store.history(id) : []];
    }),
  );
  try {
    return undoOf(rollout.pin, await firstRevision(store, rollout), new Map(histories));
  } catch (error) {
    throw new CommandError(`${(error as Error).message}. Nothing was changed.`, undefined, { cause: error });
  }
}

function changeOf(undo: Undo): Change[] {
  const id = parseDocumentKey(undo.key);
  if (undo.to === "left" || !id) return [];
  const { expectedRevision } = undo;
  if (undo.to === "deleted") return [{ delete: id, expectedRevision }];
  const document = storedDocument(undo.to);
  if (document) return [{ document, expectedRevision }];
  throw new CommandError(
    `Revision ${undo.to.revision} of ${titleOf(id)}, from before the change, is no valid document: publish a good one. Nothing was changed.`,
  );
}

function titleOfKey(key: string): string {
  const id: DocumentId | null = parseDocumentKey(key);
  return id ? titleOf(id) : key;
}
