import { type Dependents, dependentsIndex, namersIn, referencedKeys, rememberDependents } from "./dependencies.ts";
import { type Kind, kinds, parseDocumentKey, type SignalboxDocument } from "./documents/document.ts";
import { type Live, type LiveDocuments, liveMapNames, makeLiveMaps } from "./live-documents.ts";
import type { Lookup } from "./references.ts";

type Entry = Live<SignalboxDocument>;

/**
 * Live documents in the making: changes lie over the value they began from, so that a batch costs what it changes and
 * the maps are copied once, at the end.
 */
export type Draft = {
  get(key: string): Entry | undefined;
  /** The keys of the documents that name this one. */
  dependents(key: string): Iterable<string>;
  put(key: string, entry: Entry | null): void;
  /** Finds documents as they would be with `changes` over the draft; null in it is a deleted document. */
  lookup(changes: ReadonlyMap<string, { readonly document: SignalboxDocument | null }>): Lookup;
  finish(rest: Pick<LiveDocuments, "revision" | "rejections" | "pending">): LiveDocuments;
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
    const keys = [...changes.keys(), ...[...base[liveMapNames[kind]].keys()].map((name) => keyOf(kind, name))];
    for (const key of keys) {
      if (found.length < suggestedNames && key.startsWith(prefix) && get(key)) found.push(key.slice(prefix.length));
    }
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
    finish: (rest) => {
      const live = { ...rest, ...changedMaps(base, changes) };
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
function changedMaps(base: LiveDocuments, changes: ReadonlyMap<string, Entry | null>) {
  return makeLiveMaps((field, kind) => changedMap(base[field], kind, changes));
}

function changedMap(
  base: ReadonlyMap<string, Entry>,
  kind: Kind,
  changes: ReadonlyMap<string, Entry | null>,
): ReadonlyMap<string, Entry> {
  let copy: Map<string, Entry> | undefined;
  for (const [key, entry] of changes) {
    const id = parseDocumentKey(key);
    if (id?.kind !== kind) continue;
    copy ??= new Map(base);
    if (entry === null) copy.delete(`${id.namespace}/${id.name}`);
    else copy.set(`${id.namespace}/${id.name}`, entry);
  }
  return copy ?? base;
}

/** The reverse index in the making: sets are copied when they first change. */
function createIndexDraft(base: Dependents) {
  const own = new Map<string, Set<string>>();
  const owned = (target: string): Set<string> => {
    let set = own.get(target);
    if (!set) {
      set = new Set(base.get(target));
      own.set(target, set);
    }
    return set;
  };
  return {
    get: (target: string): Iterable<string> => own.get(target) ?? base.get(target) ?? [],
    move: (dependent: string, before: SignalboxDocument | null, after: SignalboxDocument | null): void => {
      const old = before ? referencedKeys(before) : new Set<string>();
      const next = after ? referencedKeys(after) : new Set<string>();
      for (const target of old) if (!next.has(target)) owned(target).delete(dependent);
      for (const target of next) if (!old.has(target)) owned(target).add(dependent);
    },
    finish: (): Dependents => {
      if (own.size === 0) return base;
      const index = new Map(base);
      for (const [target, set] of own) {
        if (set.size === 0) index.delete(target);
        else index.set(target, set);
      }
      return index;
    },
  };
}
