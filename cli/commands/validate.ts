import { problemsOfLoaded } from "../../config/load.ts";
import type { Command } from "../command.ts";
import { exitCode } from "../exit-codes.ts";
import { fileOption, loadNamed } from "../loading.ts";
import { formatProblems } from "../output/problems.ts";
import { outputOption, render } from "../output/render.ts";
import { liveDocuments, withStore } from "../store-access.ts";

/** `signalbox validate`: every problem of documents on disk, without changing anything. */
export const validate: Command = {
  usage: "validate",
  summary: "Check documents and print every problem; changes nothing",
  options: {
    ...fileOption,
    ...outputOption,
    live: { describe: "Check against what is published as well, not only the files by themselves", type: "boolean" },
  },
  examples: [
    ["signalbox validate -f models/", "check a folder by itself; needs no NATS"],
    ["signalbox validate -f objective.yaml --live", "the models it names may be published already"],
    ["signalbox validate -f models/ -o json", "the problems for another program"],
  ],
  run: async (args, context) => {
    const loaded = await loadNamed(args, context);
    const live = args.live ? await withStore(context, liveDocuments) : undefined;
    const problems = problemsOfLoaded(loaded, live);
    const documents = loaded.documents.length;
    const isTable = args.output === "table";
    if (!isTable) render(args, context, { documents, problems }, () => "");
    else if (problems.length > 0) context.warn(`${formatProblems(problems)}\n${count(problems.length, "problem")}.`);
    else context.print(`${count(documents, "document")}, no problem.`);
    return problems.length > 0 ? exitCode.failed : exitCode.ok;
  },
};

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
