import { checkDocuments } from "../../config/check.ts";
import { documentKey } from "../../config/documents/document.ts";
import type { Command } from "../command.ts";
import { documentNamed, kindPositional, titleOf } from "../document-kinds.ts";
import { CommandError, exitCode } from "../exit-codes.ts";
import { formatProblems } from "../output/problems.ts";
import { outputOption, render } from "../output/render.ts";
import { liveDocuments, namespaceOption, withStore } from "../store-access.ts";
import { missingDocument } from "../stored-document.ts";

/** `signalbox delete`: takes a document away, unless another one still needs it. */
export const deleteCommand: Command = {
  usage: "delete <kind> <name>",
  summary: "Delete a document; refused while another one names it",
  positionals: { kind: kindPositional, name: { describe: "Its name" } },
  options: { ...namespaceOption, ...outputOption },
  examples: [["signalbox delete objective quickstart", "its routes go away; requests for it are answered with 404"]],
  run: async (args, context) => {
    const id = documentNamed(args);
    const result = await withStore(context, async (store) => {
      const entry = await store.get(id);
      if (!entry?.value) throw await missingDocument(store, id, "; nothing was deleted");
      const problems = checkDocuments([], { live: await liveDocuments(store), deleted: [documentKey(id)] });
      if (problems.length > 0) throw new CommandError(`${formatProblems(problems)}\nNothing was deleted.`);
      return await store.apply([{ delete: id, expectedRevision: entry.revision }], { signal: context.signal });
    });
    render(args, context, result, () => `${titleOf(id)} deleted, revision ${result.revision}`);
    return exitCode.ok;
  },
};
