import { areEqual } from "./claim.ts";
import { Collected, maxItems } from "./collected.ts";
import { Heartbeats } from "./heartbeats.ts";
import { Ledger } from "./ledger.ts";
import { NameSet } from "./name-set.ts";
import type { StoredResource } from "./resource.ts";
import { Steps } from "./steps.ts";
import {
  type Gate,
  lowestOf,
  type Progress,
  type Response,
  type Subscription,
  TooFarBehindError,
  tightResponseBytes,
} from "./subscription.ts";
import type { TypeView } from "./type-state.ts";
import { isFullState } from "./type-urls.ts";
import type { DeltaRequest } from "./wire.ts";

/**
 * Responses on the way before the answer to one more subscription waits. Pushes of changes wait for every response: at
 * most one of them is on the way.
 */
const maxOutstanding = 8;

/** Responses on the way before heartbeats wait, too. */
const maxWithHeartbeats = 64;

/** What a client says that it holds, what it is to be compared with, and which of that it was sent since. */
type Uncompared = {
  readonly held: ReadonlyMap<string, string>;
  readonly resources: Iterator<StoredResource>;
  readonly answered: Set<string>;
};

/** Names of which those that are gone have to be removed. */
type Unchecked = {
  readonly names: Iterator<string>;
  /** The sequence under which a removal waits for other types. */
  readonly goneAt: number;
  /** A removal that is remembered, and is later than this, has its turn as a change. */
  readonly knownBefore: number;
};

export type ResponseSizes = {
  /** Bytes of resources after which what is left goes into the next response. */
  readonly responseBytes: number;
  /**
   * Up to so many bytes the first answer to a wildcard, of a client that holds nothing yet, is one response. Envoy takes it for
   * everything that there is: it goes on starting, and takes requests, although more may follow.
   */
  readonly wholeBytes: number;
  /** Changes and names that are looked through in one turn of the event loop: a few milliseconds of work. */
  readonly stepsAtOnce: number;
};

const mebibyte = 1024 * 1024;
const defaultSizes: ResponseSizes = {
  responseBytes: 4 * mebibyte,
  wholeBytes: 20 * mebibyte,
  stepsAtOnce: maxItems,
};

/**
 * One type on one incremental stream ("Incremental xDS" in the xDS protocol). A wildcard subscription costs one cursor into
 * the journal, whatever the number of resources; names are kept only for what was subscribed by name.
 */
export class DeltaSubscription implements Subscription<DeltaRequest> {
  readonly typeUrl: string;
  readonly #now: () => number;
  readonly #ledger: Ledger;
  readonly #heartbeats = new Heartbeats();
  readonly #sizes: ResponseSizes;
  #names = new NameSet();
  /** Names that must be in the next answer, changed or not. */
  readonly #owed = new Set<string>();
  /** Names owed for the first time: there is nothing yet to remove from the client. */
  readonly #fresh = new Set<string>();
  /** Removals that wait for other types: name -> sequence. */
  readonly #held = new Map<string, number>();
  /** Names answered with content newer than the cursor: name -> sequence of that content. */
  readonly #ahead = new Map<string, number>();
  /** Names that a client that comes back holds in another version: they are sent before what changed since. */
  readonly #rest = new Set<string>();
  /** What a client that comes back to a wildcard holds, as far as it is not compared with what there is. */
  #uncompared: Uncompared | undefined;
  /** What the client of a wildcard held when its stream began; dropped with the first answer. */
  #initial: Pick<DeltaRequest, "claims" | "initialVersions"> | undefined;
  /** All that the type had at the cursor, owed to a client that subscribed to every name; what is left of it. */
  #parts: readonly (readonly StoredResource[])[] = [];
  /** Names that the client may hold, of which those that are gone have to be removed. */
  #unchecked: Unchecked | undefined;
  /** Names in responses that were on the way when the wildcard began: the client may come to hold them. */
  #onTheWay: readonly string[] = [];
  #started = false;
  /** What is owed did not fit into one response: the rest goes when that was answered. */
  #isSplit = false;
  #wildcard = false;
  #owesAll = false;
  #isUnfinished = false;
  /** Every change up to this sequence was looked at. */
  #cursor = 0;
  /** Beyond the cursor, every change up to this position was looked at: a commit may go in several responses and turns. */
  #position = 0;
  /** The position up to which forgotten removals were made up for. */
  #recheckedPosition = 0;

  /** `now` gives milliseconds since the epoch. */
  constructor(typeUrl: string, now: () => number, sizes = defaultSizes) {
    this.typeUrl = typeUrl;
    this.#sizes = sizes;
    this.#now = now;
    this.#ledger = new Ledger({ now, severalRefused: "offer" });
  }

  get progress(): Progress {
    return this.#ledger.progress(this.#isBehindItsStart() ? 0 : this.#cursor);
  }

  get isUnfinished(): boolean {
    return this.#isUnfinished;
  }

  earliestHeldRemoval(): number {
    const held = lowestOf(this.#held.values());
    return this.#unchecked ? Math.min(held, this.#unchecked.goneAt) : held;
  }

  nameCount(): number {
    return this.#names.size;
  }

  wakeAt(): number | undefined {
    const beatAt = this.#ledger.outstanding < maxWithHeartbeats ? this.#heartbeats.nextAt : undefined;
    const wakeAt = Math.min(this.#ledger.pausedUntil ?? Number.POSITIVE_INFINITY, beatAt ?? Number.POSITIVE_INFINITY);
    return Number.isFinite(wakeAt) ? wakeAt : undefined;
  }

  /** "A stale nonce does not make a request stale": subscription changes count whatever the nonce. */
  request(request: DeltaRequest, view: TypeView) {
    const verdict = this.#ledger.answer(request.responseNonce, request.error, view.changedAt);
    if (verdict.kind === "nack") this.#ledger.retain((name) => this.#wants(name));
    const isFirst = !this.#started;
    this.#started = true;
    if (isFirst) this.#cursor = view.sequence;
    if (!isFirst || !this.#startWithEveryName(request, view)) this.#changeNames(request, view, isFirst);
    this.#settleIfIdle();
    return verdict;
  }

  #changeNames(request: DeltaRequest, view: TypeView, isFirst: boolean): void {
    const mayHold = (isFirst || request.isContinued) && request.subscribe.length > 0;
    const held = mayHold ? request.initialVersions : undefined;
    if (isFirst) this.#start(request);
    if (request.subscribe.length + request.unsubscribe.length > 0) this.#oweByName();
    for (const name of request.subscribe) this.#subscribe(name, view, held?.get(name));
    for (const name of request.unsubscribe) this.#unsubscribe(name);
  }

  /**
   * A client that subscribes to every name that there is, as an Envoy does to its routes, shares the set of names with all
   * others; and it is owed everything, or nothing when it holds it already. False when this is no such client.
   */
  #startWithEveryName({ claims, unsubscribe }: DeltaRequest, view: TypeView): boolean {
    if (!claims || view.count === 0 || unsubscribe.length > 0 || !areEqual(claims.names, view.claims.names))
      return false;
    const holdsAll = !view.hasLifetimes && areEqual(claims.versions, view.claims.versions);
    if (claims.versions.count > 0 && !holdsAll) return false;
    this.#names = new NameSet(view.names());
    if (!holdsAll) this.#parts = view.parts(this.#sizes.responseBytes);
    return true;
  }

  /** Owes what is left of the parts name by name, because it is no longer all, or something is owed besides. */
  #oweByName(): void {
    for (const part of this.#parts) {
      for (const { name } of part) {
        this.#owed.add(name);
        this.#fresh.add(name);
      }
    }
    this.#parts = [];
  }

  next(view: TypeView, gate: Gate, nextNonce: () => string, isTight = false): Response | undefined {
    if (!this.#started) return undefined;
    const response = this.#nextContent(view, gate, nextNonce, isTight) ?? this.#nextHeartbeat(view, nextNonce);
    if (response && view.hasLifetimes) {
      this.#heartbeats.sent([...response.resources, ...(response.heartbeats ?? [])], this.#now());
    }
    return response;
  }

  resend(names: Iterable<string>, view: TypeView): void {
    for (const name of names) {
      if (!this.#names.has(name) || !view.get(name)) continue;
      this.#oweByName();
      this.#owed.add(name);
    }
  }

  #nextContent(view: TypeView, gate: Gate, nextNonce: () => string, isTight: boolean): Response | undefined {
    this.#isUnfinished = false;
    if (this.#parts.length > 0 && view.sequence > this.#cursor) this.#oweByName();
    if (isTight && this.#parts.length > 0) return undefined;
    if (isTight && this.#owesAll && view.bytes > tightResponseBytes) return undefined;
    const mayPush = this.#ledger.outstanding === 0 && this.#ledger.pausedUntil === undefined;
    const mustAnswer = this.#owesAll || this.#parts.length > 0 || this.#owed.size > 0;
    const mayAnswer = mustAnswer && this.#ledger.outstanding < (this.#isSplit ? 1 : maxOutstanding);
    if (!mayPush && !mayAnswer) return undefined;

    const isFirstOfWildcard = this.#owesAll;
    const { wholeBytes, responseBytes, stepsAtOnce } = this.#sizes;
    const steps = new Steps(stepsAtOnce);
    const partBytes = isTight ? Math.min(tightResponseBytes, responseBytes) : responseBytes;
    const isWhole = isFirstOfWildcard && !this.#initial?.claims?.versions.count;
    const collected = new Collected(isWhole ? wholeBytes : partBytes);
    const isOffer = mayPush && !mustAnswer && !this.#uncompared && this.#collectOffer(view, collected);
    if (this.#owesAll) this.#collectAll(view, collected);
    if (this.#parts.length > 0) [collected.whole = [], ...this.#parts] = this.#parts;
    const isPush = isOffer || (mayPush && this.#collectPush(view, gate, collected, steps));
    this.#collectOwed(view, collected);
    this.#isUnfinished = steps.areUsedUp;
    if (collected.size() === 0 && !isFirstOfWildcard) {
      this.#settleIfIdle();
      return undefined;
    }
    const nonce = nextNonce();
    const resources = collected.all();
    const removed = [...collected.removed];
    this.#ledger.record(nonce, { resources, removed }, isPush);
    return { typeUrl: this.typeUrl, version: view.version, nonce, resources, changed: resources, removed };
  }

  /** Does not wait for other responses: a client that withholds an ACK while its clusters warm has timers all the same. */
  #nextHeartbeat(view: TypeView, nextNonce: () => string): Response | undefined {
    if (this.#ledger.outstanding >= maxWithHeartbeats) return undefined;
    const { alive, expired } = this.#heartbeats.due(this.#now(), ({ name }) => this.#holds(name, view));
    if (alive.length + expired.length === 0) return undefined;
    const nonce = nextNonce();
    this.#ledger.record(nonce, { resources: [...alive, ...expired], removed: [] }, false);
    const response = { typeUrl: this.typeUrl, version: view.version, nonce, removed: [] };
    return { ...response, resources: expired, changed: expired, heartbeats: alive };
  }

  #holds(name: string, view: TypeView): boolean {
    return (
      this.#wants(name) && !this.#ledger.parked.has(name) && (view.get(name) !== undefined || this.#held.has(name))
    );
  }

  #start(request: DeltaRequest): void {
    if (request.subscribe.length === 0 && isFullState(this.typeUrl)) this.#startWildcard();
    if (this.#wildcard || request.subscribe.includes("*")) this.#initial = request;
  }

  #startWildcard(): void {
    this.#wildcard = true;
    this.#owesAll = true;
    this.#onTheWay = [...this.#ledger.outstandingNames()];
  }

  /**
   * "The server must still provide those resources in the response": a name that is subscribed once more is sent once more.
   * The one exception are the versions with which a client begins a stream.
   */
  #subscribe(requested: string, view: TypeView, heldVersion: string | undefined): void {
    if (requested === "*") {
      this.#startWildcard();
      return;
    }
    const current = view.get(requested);
    const name = current?.name ?? requested;
    const isNew = !this.#wants(name) || (this.#owesAll && !this.#names.has(name));
    if (isNew && heldVersion === undefined) this.#fresh.add(name);
    this.#names.add(name);
    if (heldVersion === undefined) this.#owed.add(name);
    else if (!current) this.#held.set(name, view.sequence);
    else if (!isKept(current, heldVersion)) this.#rest.add(name);
  }

  /** "Unsubscribing an explicit name while `*` holds must be answered", with the resource or its removal. */
  #unsubscribe(name: string): void {
    if (name === "*") this.#endWildcard();
    else if (this.#names.delete(name)) {
      if (this.#wildcard) this.#owed.add(name);
      else this.#drop(name);
    }
  }

  #endWildcard(): void {
    this.#wildcard = false;
    this.#owesAll = false;
    this.#initial = undefined;
    this.#unchecked = undefined;
    for (const name of [...this.#owed, ...this.#held.keys(), ...this.#ledger.parked.keys()]) {
      if (!this.#names.has(name)) this.#drop(name);
    }
  }

  #drop(name: string): void {
    this.#noteAnswered(name);
    this.#held.delete(name);
    this.#ahead.delete(name);
    this.#ledger.forget(name);
  }

  #wants(name: string): boolean {
    return this.#wildcard || this.#names.has(name);
  }

  /** Whether the client was sent the content that there is, or its removal waits. */
  #hasSeen(name: string, view: TypeView): boolean {
    const changedAt = view.changedAt(name);
    return changedAt <= this.#cursor || view.positionOf(name) <= this.#position || this.#wasAnswered(name, changedAt);
  }

  /** Whether that content went out before its turn, as the answer to a subscription. */
  #wasAnswered(name: string, sequence: number): boolean {
    return (this.#ahead.get(name) ?? 0) >= sequence;
  }

  /** Whatever the client may hold, by its own word or by a response on the way, and is gone has to be removed. */
  #collectAll(view: TypeView, collected: Collected): void {
    const versions = this.#holdsAll(view) ? undefined : this.#initial?.initialVersions;
    const held = versions?.size ? versions : undefined;
    this.#rest.clear();
    this.#uncompared = undefined;
    if (this.#holdsAll(view)) collected.whole = [];
    else if (held) this.#uncompared = { held, resources: view.all().values(), answered: new Set() };
    else if (view.bytes <= this.#sizes.wholeBytes) collected.whole = view.all();
    else if (this.#owed.size === 0) this.#parts = view.parts(this.#sizes.responseBytes);
    else this.#collectEach(view, collected);
    if (held) this.#unchecked = { names: held.keys(), goneAt: view.sequence, knownBefore: view.sequence };
    for (const name of this.#onTheWay) if (!view.get(name)) this.#held.set(name, view.sequence);
    for (const change of view.changes(this.#cursor, view.sequence)) {
      if (!view.get(change.name) && !this.#fresh.has(change.name)) this.#held.set(change.name, change.sequence);
    }
    this.#cursor = view.sequence;
    this.#ahead.clear();
    this.#initial = undefined;
    this.#onTheWay = [];
    this.#owesAll = false;
  }

  /** Whether the client said that it holds everything as it is now. */
  #holdsAll(view: TypeView): boolean {
    const claimed = this.#initial?.claims?.versions;
    return !view.hasLifetimes && !!claimed && claimed.count > 0 && areEqual(claimed, view.claims.versions);
  }

  /** Everything; what does not fit is owed. */
  #collectEach(view: TypeView, collected: Collected): void {
    for (const resource of view.all()) {
      if (collected.isFull()) {
        this.#owed.add(resource.name);
        continue;
      }
      collected.add(resource);
      this.#noteAnswered(resource.name);
    }
  }

  /** True when there is something new to tell. */
  #collectPush(view: TypeView, gate: Gate, collected: Collected, steps: Steps): boolean {
    const answered = collected.size();
    this.#collectChanges(view, Math.min(gate.pushLimit, view.sequence), collected, steps);
    this.#collectRemovals(view, gate, collected, steps);
    return collected.size() > answered;
  }

  /**
   * Part of a refused response once more, by itself. What changed or went since it was refused is left out: it is sent as the
   * change that it is, when that may go.
   */
  #collectOffer(view: TypeView, collected: Collected): boolean {
    const names = this.#ledger.takeOffer(
      (name) =>
        !this.#rest.has(name) && this.#hasSeen(name, view) && (view.get(name) !== undefined || !this.#held.has(name)),
    );
    for (const name of names) this.#collect(name, view, collected);
    return names.length > 0;
  }

  #collectOwed(view: TypeView, collected: Collected): void {
    if (collected.whole.length > 0) for (const name of this.#owed) if (view.get(name)) this.#noteAnswered(name);
    for (const name of this.#owed) {
      if (collected.isFull()) break;
      this.#noteAnswered(name);
      this.#uncompared?.answered.add(name);
      this.#collect(name, view, collected);
      const changedAt = view.changedAt(name);
      if (changedAt > this.#cursor) this.#ahead.set(name, changedAt);
    }
    this.#isSplit = this.#owed.size > 0 || this.#parts.length > 0;
  }

  #noteAnswered(name: string): void {
    this.#owed.delete(name);
    this.#rest.delete(name);
    this.#fresh.delete(name);
  }

  /** A resource whose removal waits for other types still exists for this client. */
  #collect(name: string, view: TypeView, collected: Collected): void {
    const resource = view.get(name) ?? (this.#held.has(name) ? view.lastKnown(name) : undefined);
    if (resource) collected.add(resource);
    else collected.remove(name);
  }

  /** Stops when the response is full, or the steps are used up, and goes on from there; until the end nothing counts as sent. */
  #collectChanges(view: TypeView, limit: number, collected: Collected, steps: Steps): void {
    if (limit < this.#cursor) return;
    this.#collectRest(view, collected);
    this.#collectUncompared(view, collected, steps);
    if (this.#isBehindItsStart() || limit <= this.#cursor) return;
    this.#makeUpForForgotten(view);
    for (const { name, sequence, position } of view.changes(this.#cursor, limit, this.#position)) {
      if (collected.isFull() || !steps.take()) return;
      this.#position = position;
      if (!this.#wants(name) || this.#wasAnswered(name, sequence)) continue;
      const resource = view.get(name);
      if (resource) {
        this.#held.delete(name);
        collected.add(resource);
        this.#noteAnswered(name);
      } else if (!this.#fresh.has(name)) {
        this.#held.set(name, sequence);
      }
    }
    this.#cursor = limit;
    for (const [name, sequence] of this.#ahead) if (sequence <= limit) this.#ahead.delete(name);
  }

  /** A client that came back has not been sent yet all that it lacked at the cursor. */
  #isBehindItsStart(): boolean {
    return this.#rest.size > 0 || this.#uncompared !== undefined;
  }

  /** What has changed once more is left out: it goes as that change, when its turn comes. */
  #collectRest(view: TypeView, collected: Collected): void {
    for (const name of this.#rest) {
      if (collected.isFull()) return;
      this.#rest.delete(name);
      const resource = view.get(name);
      if (!resource || !this.#wants(name) || this.#hasChangedSince(name, view)) continue;
      collected.add(resource);
      this.#noteAnswered(name);
    }
  }

  /** What the client holds in another version, or not at all, likewise; what it was sent meanwhile is left out. */
  #collectUncompared(view: TypeView, collected: Collected, steps: Steps): void {
    while (this.#uncompared) {
      if (collected.isFull() || !steps.take()) return;
      const { held, resources, answered } = this.#uncompared;
      const { value: resource, done } = resources.next();
      if (done) {
        this.#uncompared = undefined;
        return;
      }
      const { name } = resource;
      if (isKept(resource, held.get(name)) || answered.has(name)) continue;
      if (!this.#wants(name) || this.#hasChangedSince(name, view)) continue;
      collected.add(resource);
      this.#noteAnswered(name);
    }
  }

  /** Whether there is a change, or a removal, that has its turn later. */
  #hasChangedSince(name: string, view: TypeView): boolean {
    return view.sequence > this.#cursor && (view.changedAt(name) > this.#cursor || !view.get(name));
  }

  /** Removals of long ago are forgotten: whoever subscribed by name is told again, a wildcard has to reconnect. */
  #makeUpForForgotten(view: TypeView): void {
    const missesNone = Math.max(this.#position, this.#recheckedPosition) >= view.forgottenPosition;
    if (this.#cursor >= view.horizon || missesNone) return;
    if (this.#wildcard) throw new TooFarBehindError(this.typeUrl);
    this.#recheckedPosition = view.forgottenPosition;
    this.#unchecked = { names: this.#names[Symbol.iterator](), goneAt: view.horizon, knownBefore: 0 };
  }

  /** A resource that came back meanwhile is not removed first. */
  #collectRemovals(view: TypeView, gate: Gate, collected: Collected, steps: Steps): void {
    this.#check(view, steps);
    let asked: { readonly sequence: number; readonly canRemove: boolean } | undefined;
    for (const [name, sequence] of this.#held) {
      if (collected.isFull()) return;
      // Most removals come from few commits.
      if (asked?.sequence !== sequence) asked = { sequence, canRemove: gate.canRemove(sequence) };
      if (!asked.canRemove) continue;
      this.#held.delete(name);
      if (!view.get(name)) collected.remove(name);
    }
  }

  /** Finds as many removals as go into a response: a client may have come with hundreds of thousands. */
  #check(view: TypeView, steps: Steps): void {
    while (this.#unchecked && this.#held.size < maxItems && steps.take()) {
      const { names, goneAt, knownBefore } = this.#unchecked;
      const { value: name, done } = names.next();
      if (done) this.#unchecked = undefined;
      else if (this.#wants(name) && !view.get(name) && view.changedAt(name) <= knownBefore) {
        if (!this.#held.has(name)) this.#held.set(name, goneAt);
      }
    }
  }

  #settleIfIdle(): void {
    const isOwing = this.#owesAll || this.#owed.size + this.#parts.length > 0;
    if (!isOwing && !this.#isBehindItsStart()) this.#ledger.settle(this.#cursor);
  }
}

/** What a client holds need not be sent again, unless it would forget it: heartbeats begin with what was sent on this stream. */
function isKept({ version, lifetime }: StoredResource, heldVersion: string | undefined): boolean {
  return heldVersion === version && lifetime === undefined;
}
