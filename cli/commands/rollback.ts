import { diffDocuments } from "../../config/diff.ts";
import type { Command } from "../command.ts";
import { documentNamed, titleOf } from "../document-kinds.ts";
import { CommandError, exitCode } from "../exit-codes.ts";
import { formatChanges } from "../output/changes.ts";
import { publishEdited } from "../publish-edited.ts";
import { namespaceOption, withStore } from "../store-access.ts";
import { storedDocument } from "../stored-document.ts";

/** `signalbox rollback`: publishes an old revision's content again. */
export const rollback: Command = {
  usage: "rollback <kind> <name>",
  summary: "Publish an earlier revision of a document again, the one before by default",
  positionals: { kind: { describe: "shard, model or objective" }, name: { describe: "Its name" } },
  options: {
    ...namespaceOption,
    to: { describe: "The revision to go back to; `signalbox history` lists them", type: "number" },
  },
  examples: [
    ["signalbox rollback objective quickstart", "undo the last change"],
    ["signalbox rollback objective quickstart --to 42", "as it was at revision 42"],
  ],
  run: async (args, context) => {
    const id = documentNamed(args);
    const title = titleOf(id);
    const done = await withStore(context, async (store) => {
      const history = await store.history(id);
      const current = history.at(-1);
      if (!current) throw new CommandError(`There is no ${title}, and there never was one.`);
      const wanted = args.to === undefined ? Number.POSITIVE_INFINITY : Number(args.to);
      const earlier = history.slice(0, -1).filter(({ value }) => value !== null);
      const target = args.to === undefined ? earlier.at(-1) : history.find(({ revision }) => revision === wanted);
      const known = earlier.map(({ revision }) => revision).join(", ") || "none";
      if (!target)
        throw new CommandError(
          `${title} has no ${args.to === undefined ? "earlier revision" : `revision ${args.to}`}; there are: ${known}. Nothing was changed.`,
        );
      const document = storedDocument(target);
      if (!document)
        throw new CommandError(`Revision ${target.revision} of ${title} is no valid document. Nothing was changed.`);
      const source = `revision ${target.revision}`;
      const revision = await publishEdited(store, { document, source, editedFrom: current.revision }, context.signal);
      return { revision, target: target.revision, changes: diffDocuments(storedDocument(current), document) };
    });
    if (done.changes.length === 0) context.print(`${title} is as it was at revision ${done.target} already.`);
    else context.print(`${title} is as it was at revision ${done.target}, published as revision ${done.revision}`);
    for (const line of formatChanges(done.changes, context.colours)) context.print(line);
    return exitCode.ok;
  },
};
