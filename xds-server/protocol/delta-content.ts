import type { Collected } from "./collected.ts";
import type { DeltaState } from "./delta-state.ts";
import type { StoredResource } from "./resource.ts";
import type { Steps } from "./steps.ts";
import { type Gate, TooFarBehindError } from "./subscription.ts";
import type { TypeView } from "./type-view.ts";

export type DeltaSizes = {
  /** Bytes of resources after which what is left goes into the next response. */
  readonly responseBytes: number;
  /**
   * Up to so many bytes the first answer to a wildcard, of a client that holds nothing yet, is one response. Envoy takes it for
   * everything that there is: it goes on starting, and takes requests, although more may follow.
   */
  readonly wholeBytes: number;
};

export type DeltaContentDeps = {
  readonly state: DeltaState;
  readonly view: TypeView;
  readonly gate: Gate;
  readonly collected: Collected;
  readonly steps: Steps;
  readonly sizes: DeltaSizes;
};

/**
 * Collects the content of one delta response. What does not fit, or is not looked through when the steps are used up, stays in the
 * state for the next one.
 */
export class DeltaContent {
  readonly #state: DeltaState;
  readonly #view: TypeView;
  readonly #gate: Gate;
  readonly #collected: Collected;
  readonly #steps: Steps;
  readonly #sizes: DeltaSizes;

  constructor({ state, view, gate, collected, steps, sizes }: DeltaContentDeps) {
    this.#state = state;
    this.#view = view;
    this.#gate = gate;
    this.#collected = collected;
    this.#steps = steps;
    this.#sizes = sizes;
  }

  /**
   * Part of a refused response once more, by itself. What changed or went since it was refused is left out: it is sent as the
   * change that it is, when that may go. True when there was such a part.
   */
  addOffer(): boolean {
    const { cursor, initial, ledger, removals } = this.#state;
    const names = ledger.takeOffer(
      (name) =>
        !initial.isOutdated(name) &&
        cursor.hasSeen(name, this.#view) &&
        (this.#view.get(name) !== undefined || !removals.has(name)),
    );
    for (const name of names) this.#addCurrent(name);
    return names.length > 0;
  }

  /**
   * The first answer to a wildcard. Whatever the client may hold, by its own word or by a response on the way, and is gone has to
   * be removed.
   */
  addAll(): void {
    const { cursor, initial, owed, removals } = this.#state;
    const { sequence } = this.#view;
    const held = initial.compare(this.#view);
    if (held) removals.suspect({ names: held.keys(), goneAt: sequence, knownBefore: sequence });
    else if (!initial.holdAll(this.#view)) this.#addEverything();
    for (const name of this.#state.onTheWay) if (!this.#view.get(name)) removals.hold(name, sequence);
    for (const change of this.#view.changes(cursor.sequence, sequence)) {
      if (!this.#view.get(change.name) && !owed.isFresh(change.name)) removals.hold(change.name, change.sequence);
    }
    cursor.moveTo(sequence);
    initial.clearStated();
    this.#state.onTheWay = [];
    owed.clearAll();
  }

  /** The next part of all that there was when the client subscribed to every name. */
  addPart(): void {
    if (this.#state.owed.hasParts) this.#collected.whole = this.#state.owed.takePart();
  }

  /** What changed, as far as the gate lets it go. True when there is something new to tell. */
  addPush(): boolean {
    const answered = this.#collected.size();
    const limit = Math.min(this.#gate.pushLimit, this.#view.sequence);
    const { cursor, initial } = this.#state;
    if (limit >= cursor.sequence) this.#addLacking();
    if (limit > cursor.sequence && initial.areCompared) this.#addChanges(limit);
    this.#addRemovals();
    return this.#collected.size() > answered;
  }

  addOwed(): void {
    const { cursor, owed } = this.#state;
    if (this.#collected.whole.length > 0) {
      for (const name of owed.names) if (this.#view.get(name)) this.#state.noteAnswered(name);
    }
    for (const name of owed.names) {
      if (this.#collected.isFull()) return;
      this.#state.noteAnswered(name);
      this.#addCurrent(name);
      cursor.noteAnswered(name, this.#view);
    }
  }

  /** All resources in as few responses as possible; what does not fit is owed. */
  #addEverything(): void {
    const { owed } = this.#state;
    if (this.#view.bytes <= this.#sizes.wholeBytes) this.#collected.whole = this.#view.all();
    else if (owed.names.size === 0) owed.setParts(this.#view.parts(this.#sizes.responseBytes));
    else {
      for (const resource of this.#view.all()) {
        if (this.#collected.isFull()) owed.add(resource.name);
        else this.#add(resource);
      }
    }
  }

  /** What a client that came back lacks. What has changed once more is left out: it goes as that change, when its turn comes. */
  #addLacking(): void {
    const { initial } = this.#state;
    if (initial.areCompared || this.#collected.isFull()) return;
    for (const resource of initial.lacking(this.#view, this.#steps)) {
      if (!this.#state.wants(resource.name) || this.#hasChangedSince(resource.name)) continue;
      this.#add(resource);
      if (this.#collected.isFull()) return;
    }
  }

  /** Whether there is a change, or a removal, that has its turn later. */
  #hasChangedSince(name: string): boolean {
    const { sequence } = this.#state.cursor;
    return this.#view.sequence > sequence && (this.#view.changedAt(name) > sequence || !this.#view.get(name));
  }

  /** Stops when the response is full, or the steps are used up; until the end nothing counts as sent. */
  #addChanges(limit: number): void {
    const { cursor, owed, removals } = this.#state;
    this.#makeUpForForgotten();
    for (const { name, sequence, position } of this.#view.changes(cursor.sequence, limit, cursor.position)) {
      if (this.#collected.isFull() || !this.#steps.take()) return;
      cursor.moveWithinCommit(position);
      if (!this.#state.wants(name) || cursor.wasAnswered(name, sequence)) continue;
      const resource = this.#view.get(name);
      if (resource) {
        removals.forget(name);
        this.#add(resource);
      } else if (!owed.isFresh(name)) {
        removals.hold(name, sequence);
      }
    }
    cursor.moveTo(limit);
  }

  /** Removals of long ago are forgotten: whoever subscribed by name is told again, a wildcard has to reconnect. */
  #makeUpForForgotten(): void {
    const { cursor, isWildcard, names, removals } = this.#state;
    const { forgottenPosition, horizon } = this.#view;
    const missesNone = Math.max(cursor.position, this.#state.recheckedPosition) >= forgottenPosition;
    if (cursor.sequence >= horizon || missesNone) return;
    if (isWildcard) throw new TooFarBehindError(this.#state.typeUrl);
    this.#state.recheckedPosition = forgottenPosition;
    removals.suspect({ names: names[Symbol.iterator](), goneAt: horizon, knownBefore: 0 });
  }

  #addRemovals(): void {
    const { removals } = this.#state;
    removals.find(this.#view, this.#steps, (name) => this.#state.wants(name));
    if (this.#collected.isFull()) return;
    for (const name of removals.release(this.#view, this.#gate)) {
      this.#collected.remove(name);
      if (this.#collected.isFull()) return;
    }
  }

  #add(resource: StoredResource): void {
    this.#collected.add(resource);
    this.#state.noteAnswered(resource.name);
  }

  /** A resource whose removal waits for other types still exists for this client. */
  #addCurrent(name: string): void {
    const resource = this.#view.get(name) ?? (this.#state.removals.has(name) ? this.#view.lastKnown(name) : undefined);
    if (resource) this.#collected.add(resource);
    else this.#collected.remove(name);
  }
}
