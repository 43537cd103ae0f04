import { createAttached } from "../attached.ts";
import { documentKey, type SignalboxDocument } from "../documents/document.ts";
import { type LiveDocuments, liveMapsOf } from "../live-documents.ts";
import { type SharedMap, sharedMap } from "../shared-map.ts";
import { referencedKeys } from "./references.ts";

/** Who names whom: a document key to the keys of the live documents that name it. */
export type Dependents = SharedMap<SharedMap<true>>;

// The index is worth as much as the live documents that it was made from, and lives as long.
const known = createAttached<LiveDocuments, Dependents>();

/** The reverse index of live documents: built once for each value, in a pass over everything when it is not known yet. */
export function dependentsIndex(live: LiveDocuments): Dependents {
  let index = known.get(live);
  if (!index) {
    index = buildIndex(live);
    known.set(live, index);
  }
  return index;
}

/** Gives the index of a new value that was derived from another, so that it need not be built again. */
export function rememberDependents(live: LiveDocuments, index: Dependents): void {
  known.set(live, index);
}

function buildIndex(live: LiveDocuments): Dependents {
  const documents = liveMapsOf(live).flatMap((map) => [...map.values()].map(({ document }) => document));
  const index = namersOf(
    documents.map((document) => [documentKey({ kind: document.kind, ...document.metadata }), document]),
  );
  return sharedMap(new Map([...index].map(([target, dependents]) => [target, sharedMap(dependents)])));
}

function namersOf(documents: Iterable<readonly [key: string, document: SignalboxDocument | null]>) {
  const index = new Map<string, Map<string, true>>();
  for (const [dependent, document] of documents) {
    for (const target of document ? referencedKeys(document) : []) {
      const dependents = index.get(target);
      if (dependents) dependents.set(dependent, true);
      else index.set(target, new Map([[dependent, true]]));
    }
  }
  return index;
}

/** Finds, among some documents, the keys of those that name one; the index is built when it is first asked for. */
export function namersIn(
  documents: Iterable<readonly [key: string, document: SignalboxDocument | null]>,
): (key: string) => Iterable<string> {
  let index: ReadonlyMap<string, ReadonlyMap<string, true>> | undefined;
  return (key) => {
    index ??= namersOf(documents);
    return index.get(key)?.keys() ?? [];
  };
}

/** The keys of the live documents that name the one with this key. */
export function dependentsOf(live: LiveDocuments, key: string): Iterable<string> {
  return dependentsIndex(live).get(key)?.keys() ?? [];
}
