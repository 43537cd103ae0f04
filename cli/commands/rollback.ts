import { diffDocuments } from "../../config/diff.ts";
import type { DocumentId, SignalboxDocument } from "../../config/documents/document.ts";
import type { StoredEntry } from "../../config/live-documents.ts";
import type { Command } from "../command.ts";
import { documentNamed, kindPositional, titleOf } from "../document-kinds.ts";
import { CommandError } from "../exit-codes.ts";
import { formatChanges } from "../output/changes.ts";
import { formatFate } from "../output/receipts.ts";
import { outputOption, render } from "../output/render.ts";
import { parseRevision } from "../parse-revision.ts";
import { publishEdited } from "../publish-edited.ts";
import { exitCodeOf, waitOptions } from "../receipts.ts";
import { namespaceOption, withStore } from "../store-access.ts";
import { missingDocument, storedDocument } from "../stored-document.ts";

/** `signalbox rollback`: publishes an old revision's content again. */
export const rollback: Command = {
  usage: "rollback <kind> <name>",
  summary: "Publish an earlier revision of a document again, the one before by default",
  positionals: { kind: kindPositional, name: { describe: "Its name" } },
  options: {
    ...namespaceOption,
    ...waitOptions,
    ...outputOption,
    to: { describe: "The revision to go back to; `signalbox history` lists them" },
  },
  examples: [
    ["signalbox rollback objective quickstart", "undo the last change"],
    ["signalbox rollback objective quickstart --to 42", "as it was at revision 42"],
  ],
  run: async (args, context) => {
    const id = documentNamed(args);
    const to = args.to === undefined ? undefined : parseRevision("to", String(args.to));
    const done = await withStore(context, async (store) => {
      const entries = await store.history(id);
      const current = entries.at(-1);
      if (!current) throw await missingDocument(store, id, ", and there never was one");
      const target = targetOf(entries, id, to);
      const edited = { ...target, source: `revision ${target.revision}`, editedFrom: current.revision };
      const published = await publishEdited(store, [edited], args, context);
      const changes = diffDocuments(storedDocument(current), target.document);
      return { id, to: target.revision, changes, ...published };
    });
    render(args, context, done, () => {
      const [first = "", how = ""] =
        done.changes.length === 0 ? ["already", ""] : ["now", `, published as revision ${done.revision}`];
      const sentence = `${titleOf(id)} is as it was at revision ${done.to} ${first}${how}`;
      return [formatFate(sentence, done), ...formatChanges(done.changes, context.colours)].join("\n");
    });
    return exitCodeOf(done);
  },
};

type Target = { readonly revision: number; readonly document: SignalboxDocument };

/** The revision asked for; without one, the newest before the current that holds a valid document. */
function targetOf(entries: readonly StoredEntry[], id: DocumentId, to: number | undefined): Target {
  const earlier = entries.slice(0, to === undefined ? -1 : entries.length).flatMap((entry): Target[] => {
    const document = storedDocument(entry);
    return document ? [{ revision: entry.revision, document }] : [];
  });
  const target = to === undefined ? earlier.at(-1) : earlier.find(({ revision }) => revision === to);
  if (target) return target;
  const wanted = to === undefined ? "earlier revision" : `revision ${to}`;
  const known = earlier.map(({ revision }) => revision).join(", ") || "none";
  const why = entries.some(({ revision }) => revision === to) ? "no document in" : `no`;
  throw new CommandError(`${titleOf(id)} has ${why} ${wanted}; it can go back to: ${known}. Nothing was changed.`);
}
