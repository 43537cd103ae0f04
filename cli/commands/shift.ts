import { diffDocuments } from "../../config/diff.ts";
import { validateDocument } from "../../config/validate.ts";
import type { Command } from "../command.ts";
import { documentNamed, titleOf } from "../document-kinds.ts";
import { CommandError, exitCode } from "../exit-codes.ts";
import { formatChanges } from "../output/changes.ts";
import { formatProblems } from "../output/problems.ts";
import { publishEdited } from "../publish-edited.ts";
import { type Shift, shiftObjective } from "../shift-objective.ts";
import { namespaceOption, withStore } from "../store-access.ts";
import { storedDocument } from "../stored-document.ts";

/** `signalbox shift`: edits the weights of an objective's document and publishes it. */
export const shift: Command = {
  usage: "shift <objective>",
  summary: "Give a model version a share of an objective's units: an edit of the document, not of Envoy",
  positionals: { objective: { describe: "Its name" } },
  options: {
    ...namespaceOption,
    to: { describe: "MODEL@VERSION=PERCENT", type: "string", required: true },
    rule: { describe: "The rule whose split is edited; by default the first one without a condition", type: "string" },
  },
  examples: [
    ["signalbox shift quickstart --to digits@8=25", "a quarter of the users to version 8"],
    ["signalbox shift quickstart --to digits@7=100", "everybody back to version 7"],
  ],
  run: async (args, context) => {
    const id = documentNamed({ ...args, kind: "objective", name: args.objective });
    const title = titleOf(id);
    const wanted = parseShift(String(args.to));
    const done = await withStore(context, async (store) => {
      const entry = await store.get(id);
      const before = storedDocument(entry);
      if (!entry || before?.kind !== "Objective") throw new CommandError(`There is no ${title}. Nothing was changed.`);
      const after = validateDocument(
        edit(before, wanted, args.rule === undefined ? undefined : String(args.rule), title),
      );
      if (!after.ok) throw new CommandError(`${formatProblems(after.problems)}\nNothing was changed.`);
      const { document } = after;
      const revision = await publishEdited(
        store,
        { document, source: "shift", editedFrom: entry.revision },
        context.signal,
      );
      return { changes: diffDocuments(before, document), revision };
    });
    context.print(`${title} published as revision ${done.revision}`);
    for (const line of formatChanges(done.changes, context.colours)) context.print(line);
    return exitCode.ok;
  },
};

function edit(objective: Parameters<typeof shiftObjective>[0], wanted: Shift, rule: string | undefined, title: string) {
  try {
    return shiftObjective(objective, wanted, rule);
  } catch (error) {
    throw new CommandError(`${title} cannot be shifted: ${(error as Error).message}. Nothing was changed.`);
  }
}

function parseShift(text: string): Shift {
  const match = /^([^@=]+)@([^@=]+)=(\d+(?:\.\d+)?)%?$/.exec(text);
  const percent = Number(match?.[3]);
  if (!match || percent > 100) {
    throw new CommandError(
      `--to ${text}: give MODEL@VERSION=PERCENT with a percentage from 0 to 100, such as digits@8=25`,
      exitCode.usage,
    );
  }
  return { model: match[1] ?? "", version: match[2] ?? "", percent };
}
