import { apiVersion } from "../../config/documents/common.ts";
import { documentId, type SignalboxDocument } from "../../config/documents/document.ts";
import type { Objective } from "../../config/documents/objective.ts";
import { type PinInput, pinSchema } from "../../config/documents/pin.ts";
import type { LiveDocuments } from "../../config/live-documents.ts";
import type { DocumentStore } from "../../config/store/document-store.ts";
import type { Arguments, Command } from "../command.ts";
import { objectiveNamed, titleOf } from "../document-kinds.ts";
import { CommandError, exitCode } from "../exit-codes.ts";
import { formatPublished } from "../output/receipts.ts";
import { outputOption, render } from "../output/render.ts";
import { parseRevision } from "../parse-revision.ts";
import { type PinTarget, pinPositionals, pinsOf, pinTargetOf, targetTitle } from "../pinned.ts";
import { type Edited, publishEdited } from "../publish-edited.ts";
import { exitCodeOf, waitOptions } from "../receipts.ts";
import { liveDocuments, namespaceOption, withStore } from "../store-access.ts";
import { missingDocument, storedDocument } from "../stored-document.ts";

/** `signalbox pin`: holds what is in use. */
export const pin: Command = {
  usage: "pin <what> <name>",
  summary: "Hold an objective everywhere, or a group of resolvers and Envoys, at what is in use; later changes wait",
  positionals: pinPositionals,
  options: {
    ...namespaceOption,
    to: { describe: "With an objective: go back to this revision of it first, in the same change" },
    objective: { describe: "With a group: hold this objective only, not all of the namespace" },
    reason: { describe: "Why, for whoever finds it held" },
    ...waitOptions,
    ...outputOption,
  },
  examples: [
    ["signalbox pin objective quickstart --reason sale", "nothing changes which version its users get"],
    ["signalbox pin objective quickstart --to 42", "back to revision 42, and no further"],
    ["signalbox pin group eu-west", "the resolvers and Envoys of a group take no change of the namespace"],
  ],
  run: async (args, context) => {
    const target = pinTargetOf(args);
    requireFlagsFor(target, args);
    const published = await withStore(context, async (store) => {
      const live = await liveDocuments(store);
      requireUnpinned(live, target);
      return await publishEdited(store, await documentsFor(store, live, target, args), args, context);
    });
    render(args, context, published, () => formatPublished(published, context.colours));
    return exitCodeOf(published);
  },
};

function requireFlagsFor({ what }: PinTarget, args: Arguments): void {
  if (what === "group" && args.to !== undefined)
    throw new CommandError(
      "--to: a group is held at what it has in use; to go back, roll back or pin the objective.",
      exitCode.usage,
    );
  if (what === "objective" && args.objective !== undefined)
    throw new CommandError("--objective belongs to `signalbox pin group`.", exitCode.usage);
}

function requireUnpinned(live: LiveDocuments, target: PinTarget): void {
  const [existing] = pinsOf(live, target);
  if (!existing) return;
  const title = titleOf(documentId(existing));
  throw new CommandError(
    `${targetTitle(target)} is pinned already, by ${title}: \`signalbox unpin ${target.what} ${target.name}\` first. Nothing was changed.`,
  );
}

async function documentsFor(
  store: DocumentStore,
  live: LiveDocuments,
  target: PinTarget,
  args: Arguments,
): Promise<Edited[]> {
  const source = "pin";
  const reason = args.reason === undefined ? {} : { reason: String(args.reason) };
  if (target.what === "group") {
    const objectives = args.objective === undefined ? {} : { objectives: [objectiveNamed(args).name] };
    const spec = { groups: [target.name], revision: live.revision, ...objectives, ...reason };
    return [{ document: pinDocument(live, target, spec), source }];
  }
  const pinned = { document: pinDocument(live, target, { objectives: [target.name], ...reason }), source };
  if (args.to === undefined) return [pinned];
  const document = await objectiveAt(store, target, parseRevision("to", String(args.to)));
  return [{ document, source }, pinned];
}

/** Named after what it holds; another pin of that name is left alone. */
function pinDocument(live: LiveDocuments, { namespace, name }: PinTarget, spec: PinInput["spec"]): SignalboxDocument {
  const isTaken = (candidate: string) => live.pins.has(`${namespace}/${candidate}`);
  const candidates = [name, ...Array.from({ length: 100 }, (_, index) => `${name.slice(0, 58)}-${index + 2}`)];
  const free = candidates.find((candidate) => !isTaken(candidate)) ?? name;
  return pinSchema.parse({ apiVersion, kind: "Pin", metadata: { namespace, name: free }, spec });
}

async function objectiveAt(store: DocumentStore, target: PinTarget, revision: number): Promise<Objective> {
  const id = { kind: "Objective" as const, namespace: target.namespace, name: target.name };
  const entries = await store.history(id);
  if (entries.length === 0) throw await missingDocument(store, id, "; nothing was changed");
  const document = storedDocument(entries.find((entry) => entry.revision === revision));
  if (document?.kind === "Objective") return document;
  const known = entries.flatMap((entry) => (storedDocument(entry) ? [entry.revision] : [])).join(", ") || "none";
  throw new CommandError(`${titleOf(id)} has no revision ${revision}; it has: ${known}. Nothing was changed.`);
}
