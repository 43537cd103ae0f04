import { type DocumentId, documentId, documentKey, type SignalboxDocument } from "../config/documents/document.ts";
import { type LiveDocuments, liveMapsOf } from "../config/live-documents.ts";
import { problemsOfLoaded } from "../config/load.ts";
import type { Loaded } from "../config/load-text.ts";
import type { ProposedChange } from "../planning/documents-after.ts";
import type { Arguments, Option } from "./command.ts";
import { fileOption, refused } from "./loading.ts";

/** The flags that say what is to change. */
export const changeOptions: Readonly<Record<"filename" | "prune", Option>> = {
  ...fileOption,
  prune: {
    describe: "Also delete what is published in the namespaces of these documents and is not among them; pins stay",
    type: "boolean",
  },
};

/** What `-f` and `--prune` ask for, once it fits what is live; any problem ends the command. */
export function proposedChange(args: Arguments, loaded: Loaded, live: LiveDocuments): ProposedChange {
  const documents = loaded.documents.map(({ document }) => document);
  const deleted = args.prune ? othersOf(documents, live) : [];
  const problems = problemsOfLoaded(loaded, live, deleted.map(documentKey));
  if (problems.length > 0) throw refused(problems);
  return { documents, deleted };
}

/** Pins are no part of what files describe: `pin`, `unpin` and `rollout` make and end them. */
function othersOf(documents: readonly SignalboxDocument[], live: LiveDocuments): DocumentId[] {
  const namespaces = new Set(documents.map(({ metadata }) => metadata.namespace));
  const named = new Set(documents.map((document) => documentKey(documentId(document))));
  return liveMapsOf(live)
    .flatMap((map) => [...map.values()].map(({ document }) => documentId(document)))
    .filter((id) => id.kind !== "Pin" && namespaces.has(id.namespace) && !named.has(documentKey(id)));
}
