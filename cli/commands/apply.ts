import { documentsAfter } from "../../planning/documents-after.ts";
import type { Command } from "../command.ts";
import { loadValid } from "../loading.ts";
import { formatPublished } from "../output/receipts.ts";
import { outputOption, render } from "../output/render.ts";
import { changeOptions, proposedChange } from "../proposed-change.ts";
import { exitCodeOf, publishAndWait, waitOptions } from "../receipts.ts";
import { deletionsOf, requireSeatBelt, yesDeleteOption } from "../seat-belt.ts";
import { liveDocuments, withStore } from "../store-access.ts";

/** `signalbox apply`: publishes documents, all of them or none, and tells when they are live. */
export const apply: Command = {
  usage: "apply",
  summary: "Publish documents as one atomic change, all of them or none, and wait until it is live",
  options: { ...changeOptions, ...yesDeleteOption, ...waitOptions, ...outputOption },
  examples: [
    ["signalbox apply -f examples/quickstart", "publish a folder"],
    ["signalbox apply -f all --prune", "make the namespace what the folder is: what is not in it is deleted"],
    ["signalbox apply -f models --timeout 2m", "for a pipeline: ends with 0 only when it is live everywhere"],
    ["generate-rules | signalbox apply -f -", "publish what another program writes"],
  ],
  run: async (args, context) => {
    const loaded = await loadValid(args, context);
    const published = await withStore(context, async (store) => {
      const before = await liveDocuments(store);
      const change = proposedChange(args, loaded, before);
      requireSeatBelt(deletionsOf(before, change.deleted, context), args);
      const changes = [
        ...change.documents.map((document) => ({ document })),
        ...change.deleted.map((id) => ({ delete: id })),
      ];
      return await publishAndWait(args, context, { before, after: documentsAfter(before, change) }, () =>
        store.apply(changes, { signal: context.signal }),
      );
    });
    render(args, context, published, () => formatPublished(published, context.colours));
    return exitCodeOf(published);
  },
};
