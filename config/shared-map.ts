/** A change of a map: what is under the key from now on; undefined is nothing. */
export type MapChange<V> = readonly [key: string, value: V | undefined];

type Leaf<V> = ReadonlyMap<string, V>;
type Branch<V> = readonly (Leaf<V> | undefined)[];
type Root<V> = readonly (Branch<V> | undefined)[];

/** A power of two: the root has so many branches, and each of them so many leaves. */
const width = 32;

/**
 * A map that never changes. A changed one is a new value that shares with the one before all but what lies on the way to
 * what changed: with 10,000 entries, two arrays of 32 and a leaf of ten. So a change costs the same however large
 * the map is, and {@link changedKeys} finds it without looking at the rest. Entries come in an order that says nothing.
 */
export class SharedMap<V> implements ReadonlyMap<string, V> {
  readonly #root: Root<V>;
  readonly size: number;

  constructor(root: Root<V> = [], size = 0) {
    this.#root = root;
    this.size = size;
  }

  get(key: string): V | undefined {
    const hash = hashOf(key);
    return this.#root[branchOf(hash)]?.[leafOf(hash)]?.get(key);
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  /** The map with these changes in it; the same one when they change nothing. The last change of a key counts. */
  with(changes: Iterable<MapChange<V>>): SharedMap<V> {
    const root = [...this.#root];
    const branches = new Map<number, (Leaf<V> | undefined)[]>();
    const leaves = new Map<number, Map<string, V>>();
    let { size } = this;
    for (const [key, value] of changes) {
      const hash = hashOf(key);
      const [atBranch, atLeaf] = [branchOf(hash), leafOf(hash)];
      const place = atBranch * width + atLeaf;
      const before = (leaves.get(place) ?? root[atBranch]?.[atLeaf])?.get(key);
      if (before === value) continue;
      let leaf = leaves.get(place);
      if (!leaf) {
        leaf = new Map(root[atBranch]?.[atLeaf]);
        leaves.set(place, leaf);
        const branch = branches.get(atBranch) ?? [...(root[atBranch] ?? [])];
        branches.set(atBranch, branch);
        branch[atLeaf] = leaf;
        root[atBranch] = branch;
      }
      if (value === undefined) leaf.delete(key);
      else leaf.set(key, value);
      size += (value === undefined ? 0 : 1) - (before === undefined ? 0 : 1);
    }
    return leaves.size === 0 ? this : new SharedMap(root, size);
  }

  /** The keys under which the other map holds something else, or nothing. */
  *changedIn(other: SharedMap<V>): Generator<string, undefined> {
    for (let b = 0; b < width; b++) {
      const [branch, otherBranch] = [this.#root[b], other.#root[b]];
      if (branch === otherBranch) continue;
      for (let l = 0; l < width; l++) {
        const [leaf, otherLeaf] = [branch?.[l], otherBranch?.[l]];
        if (leaf !== otherLeaf) yield* changedKeysOf(leaf ?? new Map(), otherLeaf ?? new Map());
      }
    }
  }

  forEach(callback: (value: V, key: string, map: ReadonlyMap<string, V>) => void): void {
    for (const [key, value] of this) callback(value, key, this);
  }

  *entries(): Generator<[string, V], undefined> {
    for (const leaf of this.#leaves()) yield* leaf;
  }

  *keys(): Generator<string, undefined> {
    for (const leaf of this.#leaves()) yield* leaf.keys();
  }

  *values(): Generator<V, undefined> {
    for (const leaf of this.#leaves()) yield* leaf.values();
  }

  [Symbol.iterator](): Generator<[string, V], undefined> {
    return this.entries();
  }

  *#leaves(): Generator<Leaf<V>, undefined> {
    // Both may have holes.
    for (const branch of this.#root) for (const leaf of branch ?? []) if (leaf) yield leaf;
  }
}

/** A map as one whose changes are cheap: itself when it is one already. */
export function sharedMap<V>(map?: ReadonlyMap<string, V>): SharedMap<V> {
  return map instanceof SharedMap ? map : new SharedMap<V>().with(map ?? []);
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

function branchOf(hash: number): number {
  return hash & (width - 1);
}

function leafOf(hash: number): number {
  return (hash >>> 5) & (width - 1);
}

/** The hash of Java's strings, mixed so that the bits that are used depend on all of them. */
function hashOf(key: string): number {
  let hash = 0;
  for (let at = 0; at < key.length; at++) hash = (hash * 31 + key.charCodeAt(at)) | 0;
  const mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return mixed ^ (mixed >>> 12);
}
