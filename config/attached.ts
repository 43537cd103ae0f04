/** Something kept of objects for as long as each of them lives, as in a WeakMap. */
export type Attached<K extends object, V> = {
  get(key: K): V | undefined;
  set(key: K, value: V): void;
};

/**
 * Keeps the values on the objects themselves, in a property that copying, comparing and printing them pass over. Where
 * there are many thousands, or much hangs from one, this is what to use: the garbage collector can look through the
 * entries of a WeakMap only once it knows which keys are alive, at the end of a collection, while everything else waits.
 */
export function createAttached<K extends object, V>(): Attached<K, V> {
  const property = Symbol("attached");
  type Holder = { [property]?: V };
  return {
    get: (key) => (key as Holder)[property],
    set: (key, value) => {
      Object.defineProperty(key, property, { value, writable: true, configurable: true });
    },
  };
}
