import { problemsOfLoaded } from "../../config/load.ts";
import type { Command } from "../command.ts";
import { CommandError, exitCode } from "../exit-codes.ts";
import { fileOption, loadNamed } from "../loading.ts";
import { formatProblems } from "../output/problems.ts";
import { liveOf, withStore } from "../store-access.ts";

/** `signalbox validate`: every problem of documents on disk, without changing anything. */
export const validate: Command = {
  usage: "validate",
  summary: "Check documents and print every problem; changes nothing",
  options: {
    ...fileOption,
    live: { describe: "Check against what is published as well, not only the files by themselves", type: "boolean" },
  },
  examples: [
    ["signalbox validate -f models/", "check a folder by itself; needs no NATS"],
    ["signalbox validate -f objective.yaml --live", "the models it names may be published already"],
  ],
  run: async (args, context) => {
    const loaded = await loadNamed(args, context);
    const live = args.live ? await withStore(context, async (store) => liveOf(await store.list())) : undefined;
    const problems = problemsOfLoaded(loaded, live);
    if (problems.length > 0)
      throw new CommandError(`${formatProblems(problems)}\n${count(problems.length, "problem")}.`);
    context.print(`${count(loaded.documents.length, "document")}, no problem.`);
    return exitCode.ok;
  },
};

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
