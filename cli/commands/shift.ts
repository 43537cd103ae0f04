import { diffDocuments } from "../../config/diff.ts";
import type { DocumentId } from "../../config/documents/document.ts";
import type { Objective } from "../../config/documents/objective.ts";
import type { DocumentStore } from "../../config/store/document-store.ts";
import { validateDocument } from "../../config/validate.ts";
import type { Command } from "../command.ts";
import { objectiveNamed, titleOf } from "../document-kinds.ts";
import { CommandError, exitCode } from "../exit-codes.ts";
import { formatChanges } from "../output/changes.ts";
import { formatProblems } from "../output/problems.ts";
import { formatFate } from "../output/receipts.ts";
import { outputOption, render } from "../output/render.ts";
import { publishEdited } from "../publish-edited.ts";
import { exitCodeOf, waitOptions } from "../receipts.ts";
import { type Shift, shiftObjective } from "../shift-objective.ts";
import { namespaceOption, withStore } from "../store-access.ts";
import { missingDocument, storedDocument } from "../stored-document.ts";

/** `signalbox shift`: edits the weights of an objective's document and publishes it. */
export const shift: Command = {
  usage: "shift <objective>",
  summary: "Give a model version a share of an objective's units: an edit of the document, not of Envoy",
  positionals: { objective: { describe: "Its name" } },
  options: {
    ...namespaceOption,
    ...waitOptions,
    ...outputOption,
    to: { describe: "MODEL@VERSION=PERCENT", required: true },
    rule: { describe: "The rule whose split is edited; by default the first one without a condition" },
  },
  examples: [
    ["signalbox shift quickstart --to digits@8=25", "a quarter of the users to version 8"],
    ["signalbox shift quickstart --to digits@7=100", "everybody back to version 7"],
  ],
  run: async (args, context) => {
    const id = objectiveNamed(args);
    const wanted = parseShift(String(args.to));
    const rule = args.rule === undefined ? undefined : String(args.rule);
    const done = await withStore(context, async (store) => {
      const { before, revision: editedFrom } = await readObjective(store, id);
      const document = edit(before, wanted, rule);
      const published = await publishEdited(store, [{ document, source: "shift", editedFrom }], args, context);
      return { id, changes: diffDocuments(before, document), ...published };
    });
    render(args, context, done, () => {
      const how = done.changes.length === 0 ? "is so already" : `published as revision ${done.revision}`;
      return [formatFate(`${titleOf(id)} ${how}`, done), ...formatChanges(done.changes, context.colours)].join("\n");
    });
    return exitCodeOf(done);
  },
};

async function readObjective(store: DocumentStore, id: DocumentId) {
  const entry = await store.get(id);
  if (!entry?.value) throw await missingDocument(store, id, "; nothing was changed");
  const before = storedDocument(entry);
  if (before?.kind === "Objective") return { before, revision: entry.revision };
  throw new CommandError(
    `Revision ${entry.revision} of ${titleOf(id)} is no valid document: apply a good one, or roll back. Nothing was changed.`,
  );
}

function edit(objective: Objective, wanted: Shift, rule: string | undefined): Objective {
  const title = titleOf({ kind: "Objective", ...objective.metadata });
  const refused = (why: string) => new CommandError(`${title} cannot be shifted: ${why}. Nothing was changed.`);
  let shifted: Objective;
  try {
    shifted = shiftObjective(objective, wanted, rule);
  } catch (error) {
    throw refused((error as Error).message);
  }
  const validation = validateDocument(shifted);
  if (!validation.ok) throw refused(formatProblems(validation.problems));
  return validation.document as Objective;
}

function parseShift(text: string): Shift {
  const match = /^([^@=]+)@([^@=]+)=(\d+(?:\.\d+)?)%?$/.exec(text);
  const percent = Number(match?.[3]);
  if (match && percent <= 100) return { model: match[1] ?? "", version: match[2] ?? "", percent };
  throw new CommandError(
    `--to ${text}: give MODEL@VERSION=PERCENT with a percentage from 0 to 100, such as digits@8=25`,
    exitCode.usage,
  );
}
