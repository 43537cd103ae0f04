import { documentId, documentKey } from "../../config/documents/document.ts";
import type { Command } from "../command.ts";
import { type DocumentDiff, diffOf } from "../document-diff.ts";
import { exitCode } from "../exit-codes.ts";
import { fileOption, fitting, loadValid } from "../loading.ts";
import { formatChanges } from "../output/changes.ts";
import { outputOption, render } from "../output/render.ts";
import { withStore } from "../store-access.ts";

const sentences: Readonly<Record<DocumentDiff["change"], string>> = {
  created: "would be created",
  updated: "would be updated",
  mended: "would be updated; what is published now is no valid document",
  unchanged: "is unchanged",
};

/** `signalbox diff`: what `apply` of the same files would change. */
export const diff: Command = {
  usage: "diff",
  summary: "Show what applying documents would change, field by field; changes nothing",
  options: {
    ...fileOption,
    ...outputOption,
    "exit-code": { describe: "End with 1 when anything would change", type: "boolean" },
  },
  examples: [
    ["signalbox diff -f examples/quickstart", "files against what is published"],
    ["signalbox diff -f models --exit-code", "in a script: is everything published as it is here?"],
  ],
  run: async (args, context) => {
    const loaded = await loadValid(args, context);
    const diffs = await withStore(context, async (store) => {
      const documents = await fitting(loaded, store);
      const stored = new Map((await store.list()).map((entry) => [entry.key, entry]));
      return documents.map((document) => diffOf(stored.get(documentKey(documentId(document))), document));
    });
    render(args, context, diffs, () => diffs.flatMap((each) => lines(each, context.colours)).join("\n"));
    const isChange = diffs.some(({ change }) => change !== "unchanged");
    return args["exit-code"] && isChange ? exitCode.failed : exitCode.ok;
  },
};

function lines({ document, change, fields }: DocumentDiff, colours: boolean): string[] {
  return [`${document} ${sentences[change]}`, ...formatChanges(fields, colours)];
}
