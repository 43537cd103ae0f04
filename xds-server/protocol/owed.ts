import type { StoredResource } from "./resource.ts";

/** What the client of a delta subscription is owed because it asked for it, changed or not. */
export class Owed {
  readonly #names = new Set<string>();
  /** Names owed for the first time: there is nothing yet to remove from the client. */
  readonly #fresh = new Set<string>();
  #parts: readonly (readonly StoredResource[])[] = [];
  #areAllParts = false;
  #isAll = false;

  get isEmpty(): boolean {
    return !this.#isAll && !this.hasParts && this.#names.size === 0;
  }

  /** Owed one by one. */
  get names(): ReadonlySet<string> {
    return this.#names;
  }

  /** Everything that there is: the first answer to a wildcard. */
  get isAll(): boolean {
    return this.#isAll;
  }

  /** All that the type had at the cursor is owed to a client that subscribed to every name, or what is left of it. */
  get hasParts(): boolean {
    return this.#parts.length > 0;
  }

  /** None of the parts has been sent yet. */
  get hasAllParts(): boolean {
    return this.hasParts && this.#areAllParts;
  }

  isFresh(name: string): boolean {
    return this.#fresh.has(name);
  }

  add(name: string): void {
    this.#names.add(name);
  }

  addFresh(name: string): void {
    this.#names.add(name);
    this.#fresh.add(name);
  }

  addAll(): void {
    this.#isAll = true;
  }

  clearAll(): void {
    this.#isAll = false;
  }

  setParts(parts: readonly (readonly StoredResource[])[]): void {
    this.#parts = parts;
    this.#areAllParts = true;
  }

  takePart(): readonly StoredResource[] {
    const [first = [], ...others] = this.#parts;
    this.#parts = others;
    this.#areAllParts = false;
    return first;
  }

  /** Owes what is left of the parts name by name, because it is no longer all, or something is owed besides. */
  dissolveParts(): void {
    for (const part of this.#parts) for (const { name } of part) this.addFresh(name);
    this.#parts = [];
  }

  noteAnswered(name: string): void {
    this.#names.delete(name);
    this.#fresh.delete(name);
  }

  /** Forgets the names that no longer matter. */
  retain(matters: (name: string) => boolean): void {
    for (const name of this.#names) if (!matters(name)) this.noteAnswered(name);
  }
}
