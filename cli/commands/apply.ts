import type { ChangeResult } from "../../config/store/apply.ts";
import type { Command } from "../command.ts";
import { titleOf } from "../document-kinds.ts";
import { exitCode } from "../exit-codes.ts";
import { fileOption, fitting, loadValid } from "../loading.ts";
import { type Colour, colour } from "../output/colour.ts";
import { outputOption, render } from "../output/render.ts";
import { withStore } from "../store-access.ts";

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
  options: { ...fileOption, ...outputOption },
  examples: [
    ["signalbox apply -f examples/quickstart", "publish a folder"],
    ["generate-rules | signalbox apply -f -", "publish what another program writes"],
  ],
  run: async (args, context) => {
    const loaded = await loadValid(args, context);
    const applied = await withStore(context, async (store) => {
      const documents = await fitting(loaded, store);
      return await store.apply(
        documents.map((document) => ({ document })),
        { signal: context.signal },
      );
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
