const none: ReadonlySet<string> = new Set();

/**
 * A set of names most of which it shares with others: what many streams subscribe to is held once, and each stream holds its own
 * differences.
 */
export class NameSet implements Iterable<string> {
  readonly #shared: ReadonlySet<string>;
  readonly #added = new Set<string>();
  readonly #dropped = new Set<string>();

  /** `shared` is not changed, and must not change. */
  constructor(shared: ReadonlySet<string> = none) {
    this.#shared = shared;
  }

  get size(): number {
    return this.#shared.size - this.#dropped.size + this.#added.size;
  }

  has(name: string): boolean {
    return this.#added.has(name) || (this.#shared.has(name) && !this.#dropped.has(name));
  }

  add(name: string): void {
    if (this.#shared.has(name)) this.#dropped.delete(name);
    else this.#added.add(name);
  }

  /** True when it was there. */
  delete(name: string): boolean {
    if (this.#added.delete(name)) return true;
    if (!this.#shared.has(name) || this.#dropped.has(name)) return false;
    this.#dropped.add(name);
    return true;
  }

  *[Symbol.iterator](): Iterator<string> {
    for (const name of this.#shared) if (!this.#dropped.has(name)) yield name;
    yield* this.#added;
  }
}
