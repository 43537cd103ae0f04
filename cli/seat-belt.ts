import type { DocumentId } from "../config/documents/document.ts";
import type { LiveDocuments } from "../config/live-documents.ts";
import { type Deletions, defaultMaxDeletePercent, measureDeletions } from "../planning/deletions.ts";
import type { Arguments, CommandContext, Option } from "./command.ts";
import { CommandError, exitCode } from "./exit-codes.ts";

/** The flag that confirms a large deletion. */
export const yesDeleteOption: Readonly<Record<"yes-delete", Option>> = {
  "yes-delete": { describe: "Confirms a large deletion: the exact number of documents that the change deletes" },
};

/** What a change deletes, against the limit `SIGNALBOX_MAX_DELETE_PERCENT`. */
export function deletionsOf(
  live: LiveDocuments,
  deleted: readonly DocumentId[],
  { environment }: CommandContext,
): Deletions {
  return measureDeletions(live, deleted, maxDeletePercent(environment.SIGNALBOX_MAX_DELETE_PERCENT));
}

/** Ends the command when the change deletes too much, unless `--yes-delete` names the number. */
export function requireSeatBelt(deletions: Deletions, args: Arguments): void {
  const refusal = seatBeltRefusal(deletions, args);
  if (refusal !== null) throw new CommandError(`${refusal}\nNothing was changed.`);
}

/** Why the change may not be made without a confirmation; null when it may. */
export function seatBeltRefusal({ documents, excessive }: Deletions, args: Arguments): string | null {
  const confirmed = args["yes-delete"] === undefined ? undefined : parseNumber(String(args["yes-delete"]));
  if (confirmed !== undefined && confirmed !== documents)
    return `--yes-delete ${confirmed}: the change deletes ${countOf(documents)}; name exactly that number.`;
  if (excessive.length === 0 || confirmed === documents) return null;
  const lines = excessive.map(
    ({ kind, namespace, deleted, of, percent }) =>
      `Deletes ${deleted} of the ${of} ${kind.toLowerCase()}s of namespace ${namespace} (${Math.round(percent)} %).`,
  );
  return [...lines, `If that is meant, say so: --yes-delete ${documents}`].join("\n");
}

function countOf(documents: number): string {
  return documents === 1 ? "1 document" : `${documents} documents`;
}

function maxDeletePercent(text: string | undefined): number {
  if (!text) return defaultMaxDeletePercent;
  const percent = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && percent <= 100) return percent;
  throw new CommandError(
    `SIGNALBOX_MAX_DELETE_PERCENT=${text} must be a percentage from 0 to 100, such as ${defaultMaxDeletePercent}.`,
    exitCode.usage,
  );
}

function parseNumber(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new CommandError(`--yes-delete ${text}: give a whole number of documents, such as 3.`, exitCode.usage);
}
