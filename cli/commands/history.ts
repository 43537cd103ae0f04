import { diffDocuments } from "../../config/diff.ts";
import type { SignalboxDocument } from "../../config/documents/document.ts";
import type { StoredEntry } from "../../config/live-documents.ts";
import type { Command } from "../command.ts";
import { documentNamed, kindPositional } from "../document-kinds.ts";
import { exitCode } from "../exit-codes.ts";
import { outputOption, render } from "../output/render.ts";
import { formatTable } from "../output/table.ts";
import { namespaceOption, withStore } from "../store-access.ts";
import { missingDocument, storedDocument } from "../stored-document.ts";

type Revision = {
  readonly revision: number;
  readonly at: string;
  readonly change: "created" | "updated" | "deleted" | "unreadable";
  /** The fields that differ from the revision before. */
  readonly fields: readonly string[];
};

/** `signalbox history`: the revisions of one document. */
export const history: Command = {
  usage: "history <kind> <name>",
  summary: "List the revisions of a document, newest first",
  positionals: { kind: kindPositional, name: { describe: "Its name" } },
  options: { ...namespaceOption, ...outputOption },
  examples: [["signalbox history objective quickstart", "what was published when, and which fields changed"]],
  run: async (args, context) => {
    const id = documentNamed(args);
    const entries = await withStore(context, async (store) => {
      const found = await store.history(id);
      if (found.length === 0) throw await missingDocument(store, id, ", and there never was one");
      return found;
    });
    const revisions = revisionsOf(entries).reverse();
    render(args, context, revisions, () =>
      formatTable(
        ["revision", "published", "change", "fields"],
        revisions.map(({ revision, at, change, fields }) => [String(revision), at, change, summary(fields)]),
      ),
    );
    return exitCode.ok;
  },
};

function revisionsOf(entries: readonly StoredEntry[]): Revision[] {
  let before: SignalboxDocument | null = null;
  return entries.map((entry) => {
    const { revision, at } = entry;
    if (entry.value === null) {
      before = null;
      return { revision, at, change: "deleted", fields: [] };
    }
    const document = storedDocument(entry);
    // What cannot be read is compared with nothing, and the next one with what was there before.
    if (!document) return { revision, at, change: "unreadable", fields: [] };
    const fields = before ? diffDocuments(before, document).map(({ path }) => path) : [];
    const change = before ? "updated" : "created";
    before = document;
    return { revision, at, change, fields };
  });
}

function summary(fields: readonly string[]): string {
  const shown = fields.slice(0, 3).join(", ");
  return fields.length > 3 ? `${shown} and ${fields.length - 3} more` : shown;
}
