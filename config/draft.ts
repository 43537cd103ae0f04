import { type Kind, kinds, parseDocumentKey, type SignalboxDocument } from "./documents/document.ts";
import { type Live, type LiveDocuments, type LiveMaps, liveMapNames, makeLiveMaps } from "./live-documents.ts";
import { type Dependents, dependentsIndex, namersIn, rememberDependents } from "./relations/dependents.ts";
import type { Lookup } from "./relations/reference-problem.ts";
import { referencedKeys } from "./relations/references.ts";
import { changing, type MapChange, sharedMap } from "./shared-map.ts";
import type { Work } from "./work.ts";

type Entry = Live<SignalboxDocument>;

/**
 * Live documents in the making: changes lie over the value they began from, and go into its maps at the end. It costs
 * what changes, however many documents there are.
 */
export type Draft = {
  get(key: string): Entry | undefined;
  /** The keys of the documents that name this one. */
  dependents(key: string): Iterable<string>;
  put(key: string, entry: Entry | null): void;
  /** Finds documents as they would be with `changes` over the draft; null in it is a deleted document. */
  lookup(changes: ReadonlyMap<string, { readonly document: SignalboxDocument | null }>): Lookup;
  finishing(rest: Pick<LiveDocuments, "revision" | "rejections" | "pending">): Work<LiveDocuments>;
};

/** Names given for a suggestion: enough to find a typing error, few enough that ten thousand refusals stay quick. */
const suggestedNames = 500;

export function createDraft(base: LiveDocuments): Draft {
  const changes = new Map<string, Entry | null>();
  const index = createIndexDraft(dependentsIndex(base));
  const names = new Map<string, readonly string[]>();

  const get = (key: string): Entry | undefined => {
    const change = changes.get(key);
    return change === undefined ? entryOf(base, key) : (change ?? undefined);
  };

  const namesOf = (kind: Kind, namespace: string): readonly string[] => {
    const prefix = `${kind.toLowerCase()}.${namespace}.`;
    const known = names.get(prefix);
    if (known) return known;
    const found: string[] = [];
    const take = (key: string) => {
      if (found.length < suggestedNames && key.startsWith(prefix) && get(key)) found.push(key.slice(prefix.length));
    };
    for (const key of changes.keys()) take(key);
    for (const name of base[liveMapNames[kind]].keys()) take(keyOf(kind, name));
    names.set(prefix, found);
    return found;
  };

  return {
    get,
    dependents: index.get,
    put: (key, entry) => {
      index.move(key, get(key)?.document ?? null, entry?.document ?? null);
      changes.set(key, entry);
      names.delete(`${key.split(".", 2).join(".")}.`);
    },
    lookup: (over) => {
      const find = (key: string) => {
        const change = over.get(key);
        return change === undefined ? get(key)?.document : (change.document ?? undefined);
      };
      const naming = namersIn([...over].map(([key, { document }]) => [key, document]));
      return {
        find,
        names: namesOf,
        dependents: (key) => [...new Set([...index.get(key), ...naming(key)])].flatMap((each) => find(each) ?? []),
      };
    },
    *finishing(rest) {
      const live = { ...rest, ...(yield* changedMaps(base, changes)) };
      rememberDependents(live, index.finish());
      return live;
    },
  };
}

const fieldOfWord = new Map(kinds.map((kind) => [kind.toLowerCase(), liveMapNames[kind]]));

// Not parseDocumentKey: ten thousand dependents of one document are looked up here.
function entryOf(live: LiveDocuments, key: string): Entry | undefined {
  const dot = key.indexOf(".");
  const field = fieldOfWord.get(key.slice(0, dot));
  return field && live[field].get(key.slice(dot + 1).replace(".", "/"));
}

function keyOf(kind: Kind, name: string): string {
  return `${kind.toLowerCase()}.${name.replace("/", ".")}`;
}

/** The maps of the base with the changes in them; a kind without changes keeps its very map. */
function* changedMaps(base: LiveDocuments, changes: ReadonlyMap<string, Entry | null>): Work<LiveMaps> {
  const byKind = new Map<Kind, MapChange<Entry>[]>();
  for (const [key, entry] of changes) {
    const id = parseDocumentKey(key);
    if (!id) continue;
    const own = byKind.get(id.kind) ?? [];
    byKind.set(id.kind, own);
    own.push([`${id.namespace}/${id.name}`, entry ?? undefined]);
    yield;
  }
  const changed = new Map<Kind, ReadonlyMap<string, Entry>>();
  for (const [kind, own] of byKind) {
    changed.set(kind, yield* changing(sharedMap<Entry>(base[liveMapNames[kind]]), own));
  }
  return makeLiveMaps((field, kind) => changed.get(kind) ?? base[field]);
}

/** The reverse index in the making. */
function createIndexDraft(base: Dependents) {
  let index = base;
  const move = (target: string, dependent: string, value: true | undefined) => {
    const dependents = (index.get(target) ?? noDependents).with([[dependent, value]]);
    index = index.with([[target, dependents.size === 0 ? undefined : dependents]]);
  };
  return {
    get: (target: string): Iterable<string> => (index.get(target) ?? noDependents).keys(),
    move: (dependent: string, before: SignalboxDocument | null, after: SignalboxDocument | null): void => {
      const old = before ? referencedKeys(before) : new Set<string>();
      const next = after ? referencedKeys(after) : new Set<string>();
      for (const target of old) if (!next.has(target)) move(target, dependent, undefined);
      for (const target of next) if (!old.has(target)) move(target, dependent, true);
    },
    finish: (): Dependents => index,
  };
}

const noDependents = sharedMap<true>();
