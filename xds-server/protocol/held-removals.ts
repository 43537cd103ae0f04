import { maxItems } from "./collected.ts";
import type { Steps } from "./steps.ts";
import type { Gate } from "./subscription.ts";
import type { TypeView } from "./type-view.ts";

/** Names of which those that are gone have to be removed. */
type Suspects = {
  readonly names: Iterator<string>;
  /** The sequence under which a removal waits for other types. */
  readonly goneAt: number;
  /** A removal that is remembered, and is later than this, has its turn as a change. */
  readonly knownBefore: number;
};

/** The removals of one subscription that wait for other types of its stream, or are still to be found. */
export class HeldRemovals {
  /** Name -> sequence of the removal. */
  readonly #held = new Map<string, number>();
  #suspects: Suspects | undefined;

  has(name: string): boolean {
    return this.#held.has(name);
  }

  get size(): number {
    return this.#held.size;
  }

  names(): Iterable<string> {
    return this.#held.keys();
  }

  /** The lowest sequence of the removals that wait, or are still looked for; infinite when there are none. */
  earliest(): number {
    // They may be too many for arguments of a call.
    let earliest = this.#suspects?.goneAt ?? Number.POSITIVE_INFINITY;
    for (const sequence of this.#held.values()) if (sequence < earliest) earliest = sequence;
    return earliest;
  }

  hold(name: string, sequence: number): void {
    this.#held.set(name, sequence);
  }

  forget(name: string): void {
    this.#held.delete(name);
  }

  /** Forgets the names that no longer matter. */
  retain(matters: (name: string) => boolean): void {
    for (const name of this.#held.keys()) if (!matters(name)) this.#held.delete(name);
  }

  /** Has `find` look among these for those that are gone, instead of what it looked among so far. */
  suspect(suspects: Suspects): void {
    this.#suspects = suspects;
  }

  clearSuspects(): void {
    this.#suspects = undefined;
  }

  /** Finds as many removals as go into a response: a client may have come with hundreds of thousands of names. */
  find(view: TypeView, steps: Steps, isWanted: (name: string) => boolean): void {
    while (this.#suspects && this.#held.size < maxItems && steps.take()) {
      const { names, goneAt, knownBefore } = this.#suspects;
      const { value: name, done } = names.next();
      if (done) this.#suspects = undefined;
      else if (isWanted(name) && !view.get(name) && view.changedAt(name) <= knownBefore && !this.#held.has(name)) {
        this.#held.set(name, goneAt);
      }
    }
  }

  /** Lets go, name by name, of what may be removed now. A resource that came back meanwhile is not among the names. */
  *release(view: TypeView, gate: Gate): Generator<string, void> {
    let asked: { readonly sequence: number; readonly canRemove: boolean } | undefined;
    for (const [name, sequence] of this.#held) {
      // Most removals come from few commits.
      if (asked?.sequence !== sequence) asked = { sequence, canRemove: gate.canRemove(sequence) };
      if (!asked.canRemove) continue;
      this.#held.delete(name);
      if (!view.get(name)) yield name;
    }
  }
}
