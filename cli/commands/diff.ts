import { diffDocuments, type FieldChange } from "../../config/diff.ts";
import { documentId, documentKey } from "../../config/documents/document.ts";
import type { Command } from "../command.ts";
import { titleOf } from "../document-kinds.ts";
import { CommandError, exitCode } from "../exit-codes.ts";
import { fileOption, loadNamed } from "../loading.ts";
import { formatChanges } from "../output/changes.ts";
import { formatProblems } from "../output/problems.ts";
import { outputOption, render } from "../output/render.ts";
import { withStore } from "../store-access.ts";
import { storedDocument } from "../stored-document.ts";

type DocumentDiff = {
  readonly document: string;
  readonly change: "created" | "updated" | "unchanged";
  readonly fields: readonly FieldChange[];
};

/** `signalbox diff`: what `apply` of the same files would change. */
export const diff: Command = {
  usage: "diff",
  summary: "Show what applying documents would change, field by field; changes nothing",
  options: { ...fileOption, ...outputOption },
  examples: [["signalbox diff -f examples/quickstart", "files against what is published"]],
  run: async (args, context) => {
    const loaded = await loadNamed(args, context);
    if (loaded.problems.length > 0) throw new CommandError(formatProblems(loaded.problems));
    const stored = await withStore(context, (store) => store.list());
    const byKey = new Map(stored.map((entry) => [entry.key, entry]));
    const diffs = loaded.documents.map(({ document }): DocumentDiff => {
      const id = documentId(document);
      const entry = byKey.get(documentKey(id));
      const fields = diffDocuments(storedDocument(entry), document);
      const change = !entry ? "created" : fields.length > 0 ? "updated" : "unchanged";
      return { document: titleOf(id), change, fields };
    });
    render(args, context, diffs, () =>
      diffs
        .map(({ document, change, fields }) =>
          [
            `${document} ${wouldBe(change)}`,
            ...(change === "updated" ? formatChanges(fields, context.colours) : []),
          ].join("\n"),
        )
        .join("\n"),
    );
    return exitCode.ok;
  },
};

function wouldBe(change: DocumentDiff["change"]): string {
  return change === "unchanged" ? "is unchanged" : `would be ${change}`;
}
