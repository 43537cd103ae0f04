import { documentKey } from "../../config/documents/document.ts";
import { settle } from "../../config/settle.ts";
import type { Command } from "../command.ts";
import { documentNamed, titleOf } from "../document-kinds.ts";
import { CommandError, exitCode } from "../exit-codes.ts";
import { formatProblems } from "../output/problems.ts";
import { liveOf, namespaceOption, withStore } from "../store-access.ts";

/** `signalbox delete`: takes a document away, unless another one still needs it. */
export const deleteCommand: Command = {
  usage: "delete <kind> <name>",
  summary: "Delete a document; refused while another one names it",
  positionals: { kind: { describe: "shard, model or objective" }, name: { describe: "Its name" } },
  options: namespaceOption,
  examples: [["signalbox delete objective quickstart", "its routes go away; requests for it are answered with 404"]],
  run: async (args, context) => {
    const id = documentNamed(args);
    const key = documentKey(id);
    const result = await withStore(context, async (store) => {
      const stored = await store.list();
      const entry = stored.find((candidate) => candidate.key === key);
      if (!entry) throw new CommandError(`There is no ${titleOf(id)}; nothing was deleted.`);
      const live = liveOf(stored);
      const deletion = { key, revision: live.revision + 1, value: null, at: "" };
      const rejection = settle(live, [deletion], new Date(0)).rejections.get(key);
      if (rejection) throw new CommandError(`${formatProblems(rejection.problems)}\nNothing was deleted.`);
      return await store.apply([{ delete: id, expectedRevision: entry.revision }], { signal: context.signal });
    });
    context.print(`${titleOf(id)} deleted, revision ${result.revision}`);
    return exitCode.ok;
  },
};
