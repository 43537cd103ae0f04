import { validateDocument } from "../../config/validate.ts";
import { audienceDocuments } from "../audience-documents.ts";
import type { Command } from "../command.ts";
import { namespaceOf, requireName } from "../document-kinds.ts";
import { CommandError, exitCode } from "../exit-codes.ts";
import { readData } from "../read-data.ts";
import { namespaceOption } from "../store-access.ts";

/** `signalbox audience`: the documents of a long list of units, for `signalbox apply`. */
export const audience: Command = {
  usage: "audience <name>",
  summary: "Make an Audience of a list of unit ids, one a line; prints the documents and publishes nothing",
  positionals: { name: { describe: "Its name" } },
  options: {
    ids: { describe: "The unit ids: @file, or @- for standard input", required: true },
    ...namespaceOption,
  },
  examples: [
    ["signalbox audience vips --ids @ids.txt > vips.json", "the list as compact documents"],
    ["signalbox audience vips --ids @ids.txt | signalbox apply -f -", "publish it"],
  ],
  run: async (args, context) => {
    const name = requireName("name", String(args.name));
    const lines = (await readData(String(args.ids), context, "--ids")).toString("utf8").split(/\r?\n/);
    const ids = lines.filter((line) => line !== "");
    if (ids.length === 0) throw new CommandError(`--ids ${args.ids} holds no unit id; give one a line`, exitCode.usage);
    const documents = audienceDocuments(namespaceOf(args), name, ids);
    for (const document of documents) {
      const validation = validateDocument(document);
      if (!validation.ok) throw new CommandError(validation.problems[0]?.message ?? "is not valid", exitCode.failed);
    }
    context.print(JSON.stringify(documents));
    return exitCode.ok;
  },
};
