import { diffDocuments } from "../../config/diff.ts";
import type { StoredEntry } from "../../config/live-documents.ts";
import type { Command } from "../command.ts";
import { documentNamed, titleOf } from "../document-kinds.ts";
import { CommandError, exitCode } from "../exit-codes.ts";
import { outputOption, render } from "../output/render.ts";
import { formatTable } from "../output/table.ts";
import { namespaceOption, withStore } from "../store-access.ts";
import { storedDocument } from "../stored-document.ts";

/** `signalbox history`: the revisions of one document. */
export const history: Command = {
  usage: "history <kind> <name>",
  summary: "List the revisions of a document, newest first",
  positionals: { kind: { describe: "shard, model or objective" }, name: { describe: "Its name" } },
  options: { ...namespaceOption, ...outputOption },
  examples: [["signalbox history objective quickstart", "what was published when, and which fields changed"]],
  run: async (args, context) => {
    const id = documentNamed(args);
    const entries = await withStore(context, (store) => store.history(id));
    if (entries.length === 0) throw new CommandError(`There is no ${titleOf(id)}, and there never was one.`);
    const revisions = entries.map((entry, index) => ({
      revision: entry.revision,
      at: entry.at,
      change: changeOf(entries[index - 1], entry),
      fields: diffDocuments(storedDocument(entries[index - 1]), storedDocument(entry)).map(({ path }) => path),
    }));
    revisions.reverse();
    render(args, context, revisions, () =>
      formatTable(
        ["revision", "published", "change", "fields"],
        revisions.map(({ revision, at, change, fields }) => [String(revision), at, change, summary(fields)]),
      ),
    );
    return exitCode.ok;
  },
};

function changeOf(before: StoredEntry | undefined, entry: StoredEntry): string {
  if (entry.value === null) return "deleted";
  return before?.value ? "updated" : "created";
}

function summary(fields: readonly string[]): string {
  const shown = fields.slice(0, 3).filter(Boolean).join(", ");
  return fields.length > 3 ? `${shown} and ${fields.length - 3} more` : shown;
}
