export type WeakPool<V extends object> = {
  /** The value of a key; made when nobody holds one. */
  get(key: string, make: () => V): V;
  /** How many keys are remembered. */
  size(): number;
};

/** Fewer keys are not looked through for values that nobody holds any more. */
const fewKeys = 1000;

/**
 * Values that are made once for each key, as long as somebody holds them: what many objectives have in common takes the
 * memory, and the processor's caches, of one. Values must be immutable, and depend on their key alone.
 */
export function createWeakPool<V extends object>(): WeakPool<V> {
  const values = new Map<string, WeakRef<V>>();
  let sweepAt = fewKeys;
  const sweep = () => {
    for (const [key, value] of values) if (value.deref() === undefined) values.delete(key);
    sweepAt = Math.max(fewKeys, 2 * values.size);
  };
  return {
    get: (key, make) => {
      const known = values.get(key)?.deref();
      if (known !== undefined) return known;
      const made = make();
      values.set(key, new WeakRef(made));
      if (values.size > sweepAt) sweep();
      return made;
    },
    size: () => values.size,
  };
}
