import type { StoredResource } from "./resource.ts";

/** Resources and removals in one response, however small: making it should not take long. */
export const maxItems = 10_000;

/** What goes into one incremental response, up to a number of bytes; a resource that is larger goes alone. */
export class Collected {
  readonly resources = new Map<string, StoredResource>();
  readonly removed = new Set<string>();
  /** Everything that the type has, in an array that streams share; `resources` come on top. */
  whole: readonly StoredResource[] = [];
  #roomBytes: number;

  constructor(maxBytes: number) {
    this.#roomBytes = maxBytes;
  }

  add(resource: StoredResource): void {
    if (!this.resources.has(resource.name)) this.#roomBytes -= resource.delta.length;
    this.resources.set(resource.name, resource);
  }

  /** A name that is gone, or never was. */
  remove(name: string): void {
    this.#roomBytes -= name.length;
    this.removed.add(name);
  }

  isFull(): boolean {
    return this.#roomBytes <= 0 || this.resources.size + this.removed.size >= maxItems;
  }

  size(): number {
    return this.whole.length + this.resources.size + this.removed.size;
  }

  /** The resources as one array: the shared one itself when there are no others. */
  all(): readonly StoredResource[] {
    if (this.whole.length === 0) return [...this.resources.values()];
    return this.resources.size === 0 ? this.whole : [...this.whole, ...this.resources.values()];
  }
}
