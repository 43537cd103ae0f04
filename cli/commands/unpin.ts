import { documentId } from "../../config/documents/document.ts";
import { documentsAfter } from "../../planning/documents-after.ts";
import type { Command } from "../command.ts";
import { CommandError } from "../exit-codes.ts";
import { formatPublished } from "../output/receipts.ts";
import { outputOption, render } from "../output/render.ts";
import { pinPositionals, pinsOf, pinTargetOf, targetTitle } from "../pinned.ts";
import { exitCodeOf, publishAndWait, waitOptions } from "../receipts.ts";
import { liveDocuments, namespaceOption, withStore } from "../store-access.ts";

/** `signalbox unpin`: what waited for a pin goes live. */
export const unpin: Command = {
  usage: "unpin <what> <name>",
  summary: "Let go what `pin` holds: what was published meanwhile goes live",
  positionals: pinPositionals,
  options: { ...namespaceOption, ...waitOptions, ...outputOption },
  examples: [
    ["signalbox unpin objective quickstart", "its newest published revision goes live"],
    ["signalbox unpin group eu-west", "the resolvers of the group catch up"],
  ],
  run: async (args, context) => {
    const target = pinTargetOf(args);
    const published = await withStore(context, async (store) => {
      const before = await liveDocuments(store);
      const deleted = pinsOf(before, target).map(documentId);
      if (deleted.length === 0)
        throw new CommandError(`${targetTitle(target)} is not pinned; \`signalbox get pins\` lists the pins.`);
      const after = documentsAfter(before, { documents: [], deleted });
      return await publishAndWait(args, context, { before, after }, () =>
        store.apply(
          deleted.map((id) => ({ delete: id })),
          { signal: context.signal },
        ),
      );
    });
    render(args, context, published, () => formatPublished(published, context.colours));
    return exitCodeOf(published);
  },
};
