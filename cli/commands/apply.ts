import { problemsOfLoaded } from "../../config/load.ts";
import type { ChangeResult } from "../../config/store/apply.ts";
import type { Command } from "../command.ts";
import { titleOf } from "../document-kinds.ts";
import { CommandError, exitCode } from "../exit-codes.ts";
import { fileOption, loadNamed } from "../loading.ts";
import { type Colour, colour } from "../output/colour.ts";
import { formatProblems } from "../output/problems.ts";
import { outputOption, render } from "../output/render.ts";
import { liveOf, withStore } from "../store-access.ts";

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
    const loaded = await loadNamed(args, context);
    const own = loaded.problems;
    if (own.length > 0) throw refused(formatProblems(own));
    const { revision, results } = await withStore(context, async (store) => {
      const stored = await store.list();
      const problems = problemsOfLoaded(loaded, liveOf(stored));
      if (problems.length > 0) throw refused(formatProblems(problems));
      return await store.apply(
        loaded.documents.map(({ document }) => ({ document })),
        { signal: context.signal },
      );
    });
    render(args, context, { revision, results }, () =>
      results
        .map(({ id, change, revision: at }) =>
          colour(context.colours, colours[change], `${titleOf(id)} ${change}, revision ${at}`),
        )
        .join("\n"),
    );
    return exitCode.ok;
  },
};

function refused(problems: string): CommandError {
  return new CommandError(`${problems}\nNothing was published.`);
}
