import type { TypeView } from "./type-view.ts";

/** How far one subscription is in the journal of its type, and what it was told ahead of that. */
export class Cursor {
  #sequence = 0;
  #position = 0;
  /** Names answered with content newer than the cursor: name -> sequence of that content. */
  readonly #ahead = new Map<string, number>();

  /** Every change up to this sequence was looked at. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Beyond that sequence, every change up to this position was: a commit may go in several responses and turns. */
  get position(): number {
    return this.#position;
  }

  moveTo(sequence: number): void {
    this.#sequence = sequence;
    for (const [name, changedAt] of this.#ahead) if (changedAt <= sequence) this.#ahead.delete(name);
  }

  moveWithinCommit(position: number): void {
    this.#position = position;
  }

  /** The client is sent what `name` is now, perhaps before its turn. */
  noteAnswered(name: string, view: TypeView): void {
    const changedAt = view.changedAt(name);
    if (changedAt > this.#sequence) this.#ahead.set(name, changedAt);
  }

  /** Whether the content of that sequence went out before its turn, as the answer to a subscription. */
  wasAnswered(name: string, sequence: number): boolean {
    return (this.#ahead.get(name) ?? 0) >= sequence;
  }

  /** Whether the client was sent the content that there is, or its removal waits. */
  hasSeen(name: string, view: TypeView): boolean {
    const changedAt = view.changedAt(name);
    return changedAt <= this.#sequence || view.positionOf(name) <= this.#position || this.wasAnswered(name, changedAt);
  }

  forget(name: string): void {
    this.#ahead.delete(name);
  }

  /** Forgets the names that no longer matter. */
  retain(matters: (name: string) => boolean): void {
    for (const name of this.#ahead.keys()) if (!matters(name)) this.#ahead.delete(name);
  }
}
