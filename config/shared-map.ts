import type { Work } from "./work.ts";

/** A change of a map: what is under the key from now on; undefined is nothing. */
export type MapChange<V> = readonly [key: string, value: V | undefined];

/**
 * A hash table in one array: how many entries it has, then for each place the hash, the key and the value of an entry, or
 * three times undefined. So a key is found in one piece of memory, and another one's text is hardly ever looked at.
 */
type Table<V> = readonly (number | string | V | undefined)[];
type OpenTable<V> = (number | string | V | undefined)[];

const emptyTable: Table<never> = emptyPlaces(4);

/**
 * A map that never changes. A changed one is a new value that shares with the one before all tables but those of what
 * changed: with 10,000 entries, a change copies an array of 64 tables and a table of some 160 entries. So it costs little
 * however large the map is, and {@link changedKeys} finds it without looking at the rest. Entries come in an order that
 * says nothing.
 */
export class SharedMap<V> implements ReadonlyMap<string, V> {
  /** As many as a power of two. */
  readonly #tables: readonly Table<V>[];
  readonly size: number;

  constructor(tables: readonly Table<V>[] = [emptyTable], size = 0) {
    this.#tables = tables;
    this.size = size;
  }

  get(key: string): V | undefined {
    const hash = hashOf(key);
    const table = this.#tables[hash & (this.#tables.length - 1)] as Table<V>;
    return table[placeOf(table, hash, key) + 2] as V | undefined;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  /** The map with these changes in it; the same one when they change nothing. The last change of a key counts. */
  with(changes: Iterable<MapChange<V>>): SharedMap<V> {
    const all = [...changes];
    // A map that is filled gets its tables beforehand, because one that holds too much is slow.
    const tables = [...(all.length > this.size ? fitted(this.#tables, all.length) : this.#tables)];
    const own = new Set<number>();
    let { size } = this;
    for (const [key, value] of all) {
      const hash = hashOf(key);
      const at = hash & (tables.length - 1);
      const table = tables[at] as Table<V>;
      const place = placeOf(table, hash, key);
      const before = table[place + 2];
      if (before === value) continue;
      const open = own.has(at) ? (table as OpenTable<V>) : table.slice();
      own.add(at);
      tables[at] = value === undefined ? without(open, place) : put(open, { place, hash, key, value });
      size += (value === undefined ? 0 : 1) - (before === undefined ? 0 : 1);
    }
    return own.size === 0 ? this : new SharedMap(fitted(tables, size), size);
  }

  /** The keys under which the other map holds something else, or nothing. */
  *changedIn(other: SharedMap<V>): Generator<string, undefined> {
    if (this.#tables.length !== other.#tables.length) return yield* changedKeysOf(this, other);
    for (let at = 0; at < this.#tables.length; at += 1) {
      const [table, otherTable] = [this.#tables[at] as Table<V>, other.#tables[at] as Table<V>];
      if (table !== otherTable) yield* changedBetween(table, otherTable);
    }
  }

  forEach(callback: (value: V, key: string, map: ReadonlyMap<string, V>) => void): void {
    for (const [key, value] of this) callback(value, key, this);
  }

  *entries(): Generator<[string, V], undefined> {
    for (const table of this.#tables) for (const { key, value } of entriesOf(table)) yield [key, value];
  }

  *keys(): Generator<string, undefined> {
    for (const table of this.#tables) for (const { key } of entriesOf(table)) yield key;
  }

  *values(): Generator<V, undefined> {
    for (const table of this.#tables) for (const { value } of entriesOf(table)) yield value;
  }

  [Symbol.iterator](): Generator<[string, V], undefined> {
    return this.entries();
  }
}

/** A map as one whose changes are cheap: itself when it is one already. */
export function sharedMap<V>(map?: ReadonlyMap<string, V>): SharedMap<V> {
  return map instanceof SharedMap ? map : new SharedMap<V>().with(map ?? []);
}

const changesPerPiece = 64;

/** {@link SharedMap.with} in pieces of 64 changes. */
export function* changing<V>(map: SharedMap<V>, changes: readonly MapChange<V>[]): Work<SharedMap<V>> {
  let changed = map;
  for (let start = 0; start < changes.length; start += changesPerPiece) {
    changed = changed.with(changes.slice(start, start + changesPerPiece));
    yield;
  }
  return changed;
}

/** The keys under which two maps do not hold the very same value; quick for two of which one came from the other. */
export function changedKeys<V>(before: ReadonlyMap<string, V>, after: ReadonlyMap<string, V>): Iterable<string> {
  if (before === after) return [];
  if (before instanceof SharedMap && after instanceof SharedMap) return before.changedIn(after);
  return changedKeysOf(before, after);
}

function* changedKeysOf<V>(
  before: ReadonlyMap<string, V>,
  after: ReadonlyMap<string, V>,
): Generator<string, undefined> {
  for (const [key, value] of after) if (before.get(key) !== value) yield key;
  for (const key of before.keys()) if (!after.has(key)) yield key;
}

function changedBetween<V>(one: Table<V>, other: Table<V>): readonly string[] {
  const changed: string[] = [];
  for (let at = 1; at < one.length; at += 3) {
    const [hash, key] = [one[at] as number | undefined, one[at + 1] as string];
    if (hash !== undefined && other[placeOf(other, hash, key) + 2] !== one[at + 2]) changed.push(key);
  }
  for (let at = 1; at < other.length; at += 3) {
    const [hash, key] = [other[at] as number | undefined, other[at + 1] as string];
    if (hash !== undefined && one[placeOf(one, hash, key)] === undefined) changed.push(key);
  }
  return changed;
}

type Entry<V> = { readonly hash: number; readonly key: string; readonly value: V };

function* entriesOf<V>(table: Table<V>): Generator<Entry<V>, undefined> {
  for (let at = 1; at < table.length; at += 3) {
    if (table[at] === undefined) continue;
    yield { hash: table[at] as number, key: table[at + 1] as string, value: table[at + 2] as V };
  }
}

function placesIn(table: Table<unknown>): number {
  return (table.length - 1) / 3;
}

/** Where in a table a key has its place, or would have it. */
function placeOf(table: Table<unknown>, hash: number, key: string): number {
  const last = placesIn(table) - 1;
  // The lower bits chose the table.
  let place = (hash >>> 15) & last;
  while (table[1 + 3 * place] !== undefined && !(table[1 + 3 * place] === hash && table[2 + 3 * place] === key)) {
    place = (place + 1) & last;
  }
  return 1 + 3 * place;
}

/** Sets an entry at its place; in a table of twice the size when every other place is taken. */
function put<V>(table: OpenTable<V>, { place, hash, key, value }: Entry<V> & { readonly place: number }): Table<V> {
  const isNew = table[place] === undefined;
  table[place] = hash;
  table[place + 1] = key;
  table[place + 2] = value;
  if (!isNew) return table;
  const entries = (table[0] as number) + 1;
  table[0] = entries;
  return 2 * entries > placesIn(table) ? tableOf(entriesOf(table), 2 * placesIn(table)) : table;
}

/** What comes behind an entry may have been put there because of it, so the others find their places anew. */
function without<V>(table: OpenTable<V>, place: number): Table<V> {
  table[place] = undefined;
  return tableOf(entriesOf(table), placesIn(table));
}

function tableOf<V>(entries: Iterable<Entry<V>>, places: number): Table<V> {
  const table: OpenTable<V> = emptyPlaces(places);
  for (const entry of entries) put(table, { ...entry, place: placeOf(table, entry.hash, entry.key) });
  return table;
}

function emptyPlaces<V>(places: number): OpenTable<V> {
  const table: OpenTable<V> = new Array(1 + 3 * places).fill(undefined);
  table[0] = 0;
  return table;
}

/** So few tables that their heads stay in the processor's caches, but none so large that it is slow to copy (ADR 183). */
function fitted<V>(tables: readonly Table<V>[], size: number): readonly Table<V>[] {
  const wanted = 2 ** Math.ceil(Math.log2(Math.max(Math.min(3 * Math.sqrt(size + 1), 64), Math.sqrt(size + 1) / 2)));
  if (wanted <= tables.length && 4 * wanted > tables.length) return tables;
  const split: Table<V>[] = new Array(wanted).fill(emptyTable);
  for (const table of tables) {
    for (const entry of entriesOf(table)) {
      const at = entry.hash & (wanted - 1);
      const known = split[at] as Table<V>;
      const place = placeOf(known, entry.hash, entry.key);
      split[at] = put(known === emptyTable ? known.slice() : (known as OpenTable<V>), { ...entry, place });
    }
  }
  return split;
}

/** The hash of Java's strings, mixed so that the bits that are used depend on all of them; 30 bits, which no engine boxes. */
function hashOf(key: string): number {
  let hash = 0;
  for (let at = 0; at < key.length; at++) hash = (hash * 31 + key.charCodeAt(at)) | 0;
  const mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (mixed ^ (mixed >>> 12)) & 0x3fffffff;
}
