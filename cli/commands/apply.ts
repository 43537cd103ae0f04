import type { ChangeResult } from "../../config/store/apply.ts";
import type { Command } from "../command.ts";
import { titleOf } from "../document-kinds.ts";
import { exitCode } from "../exit-codes.ts";
import { loadValid } from "../loading.ts";
import { type Colour, colour } from "../output/colour.ts";
import { outputOption, render } from "../output/render.ts";
import { changeOptions, proposedChange } from "../proposed-change.ts";
import { deletionsOf, requireSeatBelt, yesDeleteOption } from "../seat-belt.ts";
import { liveDocuments, withStore } from "../store-access.ts";

const colours: Readonly<Record<ChangeResult["change"], Colour>> = {
  created: "green",
  updated: "yellow",
  deleted: "red",
  unchanged: "dim",
};

/** `signalbox apply`: publishes documents, all of them or none. */
export const apply: Command = {
  usage: "apply",
  summary: "Publish documents as one atomic change: all of them or none",
  options: { ...changeOptions, ...yesDeleteOption, ...outputOption },
  examples: [
    ["signalbox apply -f examples/quickstart", "publish a folder"],
    ["signalbox apply -f all --prune", "make the namespace what the folder is: what is not in it is deleted"],
    ["generate-rules | signalbox apply -f -", "publish what another program writes"],
  ],
  run: async (args, context) => {
    const loaded = await loadValid(args, context);
    const applied = await withStore(context, async (store) => {
      const live = await liveDocuments(store);
      const { documents, deleted } = proposedChange(args, loaded, live);
      requireSeatBelt(deletionsOf(live, deleted, context), args);
      const changes = [...documents.map((document) => ({ document })), ...deleted.map((id) => ({ delete: id }))];
      return await store.apply(changes, { signal: context.signal });
    });
    render(args, context, applied, () =>
      applied.results
        .map(({ id, change, revision }) =>
          colour(context.colours, colours[change], `${titleOf(id)} ${change}, revision ${revision}`),
        )
        .join("\n"),
    );
    return exitCode.ok;
  },
};
