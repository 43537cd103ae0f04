import { checkDocuments } from "../../config/check.ts";
import { type DocumentId, documentKey } from "../../config/documents/document.ts";
import type { StoredEntry } from "../../config/live-documents.ts";
import type { DocumentStore } from "../../config/store/document-store.ts";
import { documentsAfter } from "../../planning/documents-after.ts";
import type { Command } from "../command.ts";
import { documentNamed, kindPositional } from "../document-kinds.ts";
import { CommandError } from "../exit-codes.ts";
import { formatProblems } from "../output/problems.ts";
import { formatPublished } from "../output/receipts.ts";
import { outputOption, render } from "../output/render.ts";
import { exitCodeOf, publishAndWait, waitOptions } from "../receipts.ts";
import { deletionsOf, requireSeatBelt, yesDeleteOption } from "../seat-belt.ts";
import { liveDocuments, namespaceOption, withStore } from "../store-access.ts";
import { missingDocument } from "../stored-document.ts";

/** `signalbox delete`: takes documents away, unless another one still needs them. */
export const deleteCommand: Command = {
  usage: "delete <kind> <names..>",
  summary: "Delete documents; refused while another one names them",
  positionals: { kind: kindPositional, names: { describe: "Their names" } },
  options: { ...namespaceOption, ...yesDeleteOption, ...waitOptions, ...outputOption },
  examples: [
    ["signalbox delete objective quickstart", "its routes go away; requests for it are answered with 404"],
    ["signalbox delete shard a b c --yes-delete 3", "much of a namespace at once needs the number"],
  ],
  run: async (args, context) => {
    const ids = (args.names as readonly string[]).map((name) => documentNamed({ ...args, name }));
    const result = await withStore(context, async (store) => {
      const entries = await Promise.all(ids.map((id) => existing(store, id)));
      const live = await liveDocuments(store);
      const problems = checkDocuments([], { live, deleted: ids.map(documentKey) });
      if (problems.length > 0) throw new CommandError(`${formatProblems(problems)}\nNothing was deleted.`);
      requireSeatBelt(deletionsOf(live, ids, context), args);
      const after = documentsAfter(live, { documents: [], deleted: ids });
      const changes = ids.map((id, index) => ({ delete: id, expectedRevision: entries[index]?.revision }));
      return await publishAndWait(args, context, { before: live, after }, () =>
        store.apply(changes, { signal: context.signal }),
      );
    });
    render(args, context, result, () => formatPublished(result, context.colours));
    return exitCodeOf(result);
  },
};

async function existing(store: DocumentStore, id: DocumentId): Promise<StoredEntry> {
  const entry = await store.get(id);
  if (entry?.value) return entry;
  throw await missingDocument(store, id, "; nothing was deleted");
}
