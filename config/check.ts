import {
  documentId,
  documentKey,
  documentTitle,
  type Kind,
  parseDocumentKey,
  type SignalboxDocument,
} from "./documents/document.ts";
import { type LiveDocuments, liveMapNames } from "./live-documents.ts";
import type { Problem } from "./problem.ts";
import { referenceProblems } from "./relations/check-references.ts";
import { dependentsOf, namersIn } from "./relations/dependents.ts";
import type { Lookup } from "./relations/reference-problem.ts";
import { unreadableName } from "./sketch.ts";

/** A document and where it came from, as far as it came from somewhere. */
export type CheckedDocument = {
  readonly document: SignalboxDocument;
  readonly file?: string;
  /** The line of a field, by its path; the nearest line above when the field is not written out. */
  readonly lineOf?: (path: string) => number | undefined;
};

export type CheckOptions = {
  /** What the documents are added to: they may name its documents, replace them, and must not break them. */
  readonly live?: LiveDocuments;
  /** Keys of documents that are deleted together with the change. */
  readonly deleted?: readonly string[];
  /** Sketches of the documents that are there but not valid: what they name is checked, and naming them is no further problem. */
  readonly invalid?: readonly CheckedDocument[];
};

/**
 * Checks documents together: no name twice; every model, version and shard that is named exists; every placement
 * is on a shard that can carry the model's protocol; and, with `live`, nothing that is live loses what it needs.
 * Messages name the nearest existing name.
 */
export function checkDocuments(documents: readonly CheckedDocument[], options: CheckOptions = {}): Problem[] {
  const changed = new Map<string, CheckedDocument | null>((options.deleted ?? []).map((key) => [key, null]));
  const problems: Problem[] = [];
  for (const checked of documents) {
    const key = documentKey(documentId(checked.document));
    const earlier = changed.get(key);
    if (earlier) problems.push(problemOf(checked, "metadata.name", duplicateMessage(earlier, checked)));
    else changed.set(key, checked);
  }
  const invalid = new Map<string, CheckedDocument>();
  for (const checked of options.invalid ?? []) {
    const key = documentKey(documentId(checked.document));
    const other = changed.get(key) ?? invalid.get(key);
    if (other) problems.push(problemOf(checked, "metadata.name", duplicateMessage(other, checked)));
    else invalid.set(key, checked);
  }
  const lookup = lookupOver(changed, invalid, options.live);
  for (const checked of [...changed.values(), ...(options.invalid ?? [])]) {
    if (!checked) continue;
    for (const { path, message, target } of referenceProblems(checked.document, lookup))
      if (isReadable(invalid.get(target)?.document)) problems.push(problemOf(checked, path, message));
  }
  if (options.live) problems.push(...brokenLiveDocuments(changed, options.live, lookup));
  return problems;
}

/** Whether what others want of a document can be told: of one that is not valid, only which versions a model has. */
function isReadable(sketch: SignalboxDocument | undefined): boolean {
  if (!sketch) return true;
  if (sketch.kind !== "Model" || sketch.spec.versions.length === 0) return false;
  return sketch.spec.versions.every(({ version }) => version !== unreadableName);
}

function duplicateMessage(earlier: CheckedDocument, later: CheckedDocument): string {
  const where = earlier.file === undefined || earlier.file === later.file ? "" : ` (the other is in ${earlier.file})`;
  return `${documentTitle(later.document)} is there twice${where}; keep one, or rename one`;
}

/** What a change takes away from live documents that stay as they are; told of the changed document. */
function brokenLiveDocuments(
  changed: ReadonlyMap<string, CheckedDocument | null>,
  live: LiveDocuments,
  lookup: Lookup,
): Problem[] {
  const problems: Problem[] = [];
  for (const [target, checked] of changed) {
    for (const key of dependentsOf(live, target)) {
      const dependent = changed.has(key) ? undefined : liveDocument(live, key);
      if (!dependent) continue;
      for (const problem of referenceProblems(dependent, lookup)) {
        if (problem.target === target) problems.push(breaks(target, checked, dependent, problem.path, problem.message));
      }
    }
  }
  return problems;
}

function breaks(
  target: string,
  checked: CheckedDocument | null,
  dependent: SignalboxDocument,
  path: string,
  message: string,
): Problem {
  const title = documentTitle(dependent);
  const text = stillNeeded(title, path, message, checked === null);
  return checked ? problemOf(checked, "", text) : { document: keyTitle(target), path: "", message: text };
}

/** Why a change to a document is refused that a live one needs as it was. */
export function stillNeeded(dependent: string, path: string, message: string, deleted: boolean): string {
  const what = deleted ? "cannot be deleted" : "cannot change like this";
  return `${what}: ${dependent} needs it (${path}: ${message}); change ${dependent} first, or in the same apply`;
}

/** How messages name a document of which only the key is known. */
export function keyTitle(key: string): string {
  const id = parseDocumentKey(key);
  return id ? `${id.kind} ${id.namespace}/${id.name}` : `key ${key}`;
}

export function liveDocument(live: LiveDocuments, key: string): SignalboxDocument | undefined {
  const id = parseDocumentKey(key);
  if (!id) return undefined;
  const name = `${id.namespace}/${id.name}`;
  return live[liveMapNames[id.kind]].get(name)?.document;
}

function lookupOver(
  changed: ReadonlyMap<string, CheckedDocument | null>,
  invalid: ReadonlyMap<string, CheckedDocument>,
  live: LiveDocuments | undefined,
): Lookup {
  const find = (key: string) => {
    const change = invalid.get(key) ?? changed.get(key);
    if (change !== undefined) return change?.document;
    return live && liveDocument(live, key);
  };
  const own = () => [...changed.values(), ...invalid.values()].flatMap((each) => (each ? [each.document] : []));
  const naming = namersIn([...changed].map(([key, change]) => [key, change?.document ?? null]));
  return {
    find,
    names: (kind, namespace) => {
      const documents = [...(live ? liveOf(live, kind) : []), ...own()];
      const inNamespace = documents.filter((each) => each.kind === kind && each.metadata.namespace === namespace);
      const names = new Set(inNamespace.map(({ metadata }) => metadata.name));
      return [...names].filter((name) => find(documentKey({ kind, namespace, name })) !== undefined);
    },
    dependents: (key) =>
      [...new Set([...(live ? dependentsOf(live, key) : []), ...naming(key)])].flatMap((each) => find(each) ?? []),
  };
}

function liveOf(live: LiveDocuments, kind: Kind): SignalboxDocument[] {
  return [...live[liveMapNames[kind]].values()].map(({ document }) => document);
}

function problemOf({ document, file, lineOf }: CheckedDocument, path: string, message: string): Problem {
  const line = lineOf?.(path);
  return {
    ...(file === undefined ? {} : { file }),
    ...(line === undefined ? {} : { line }),
    document: documentTitle(document),
    path,
    message,
  };
}
