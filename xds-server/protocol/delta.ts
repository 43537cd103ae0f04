import { areEqual } from "./claim.ts";
import { Collected, maxItems } from "./collected.ts";
import { DeltaContent, type DeltaSizes } from "./delta-content.ts";
import type { DeltaRequest } from "./delta-request.ts";
import { DeltaState } from "./delta-state.ts";
import { Heartbeats } from "./heartbeats.ts";
import { isKept } from "./initial-versions.ts";
import { Ledger } from "./ledger.ts";
import { NameSet } from "./name-set.ts";
import { Steps } from "./steps.ts";
import {
  earliestOf,
  type Gate,
  type Progress,
  type Response,
  type Subscription,
  tightResponseBytes,
} from "./subscription.ts";
import { isFullState } from "./type-urls.ts";
import type { TypeView } from "./type-view.ts";

/**
 * Responses on the way before the answer to one more subscription waits. Pushes of changes wait for every response: at
 * most one of them is on the way.
 */
const maxOutstanding = 8;

/** Responses on the way before heartbeats wait, too. */
const maxWithHeartbeats = 64;

export type ResponseSizes = DeltaSizes & {
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
  readonly #state: DeltaState;
  #started = false;
  /** What is owed did not fit into one response: the rest goes when that was answered. */
  #isSplit = false;
  #isUnfinished = false;

  /** `now` gives milliseconds since the epoch. */
  constructor(typeUrl: string, now: () => number, sizes = defaultSizes) {
    this.typeUrl = typeUrl;
    this.#sizes = sizes;
    this.#now = now;
    this.#ledger = new Ledger({ now, severalRefused: "offer" });
    this.#state = new DeltaState(typeUrl, this.#ledger);
  }

  get progress(): Progress {
    return this.#ledger.progress(this.#state.sent);
  }

  get isUnfinished(): boolean {
    return this.#isUnfinished;
  }

  earliestHeldRemoval(): number {
    return this.#state.removals.earliest();
  }

  nameCount(): number {
    return this.#state.names.size;
  }

  wakeAt(): number | undefined {
    const beatAt = this.#ledger.outstanding < maxWithHeartbeats ? this.#heartbeats.nextAt : undefined;
    return earliestOf(this.#ledger.pausedUntil, beatAt);
  }

  /** "A stale nonce does not make a request stale": subscription changes count whatever the nonce. */
  request(request: DeltaRequest, view: TypeView) {
    const verdict = this.#ledger.answer(request.responseNonce, request.error, view.changedAt);
    if (verdict.kind === "nack") this.#ledger.retain((name) => this.#state.wants(name));
    const isFirst = !this.#started;
    this.#started = true;
    if (isFirst) this.#state.cursor.moveTo(view.sequence);
    if (!isFirst || !this.#startWithEveryName(request, view)) this.#changeNames(request, view, isFirst);
    this.#state.settleIfIdle();
    return verdict;
  }

  next(view: TypeView, gate: Gate, nextNonce: () => string, isTight = false): Response | undefined {
    if (!this.#started) return undefined;
    const response = this.#nextContent(view, gate, nextNonce, isTight) ?? this.#nextHeartbeat(view, nextNonce);
    if (response && view.hasLifetimes) {
      this.#heartbeats.sent([...response.resources, ...(response.heartbeats ?? [])], this.#now());
    }
    return response;
  }

  resend(names: Iterable<string>, view: TypeView): string[] {
    const { names: subscribed, owed } = this.#state;
    const others: string[] = [];
    for (const name of names) {
      if (!subscribed.has(name)) others.push(name);
      else if (view.get(name) && !owed.hasAllParts) {
        owed.dissolveParts();
        owed.add(name);
      }
    }
    return others;
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
    this.#state.names = new NameSet(view.names());
    if (!holdsAll) this.#state.owed.setParts(view.parts(this.#sizes.responseBytes));
    return true;
  }

  #changeNames(request: DeltaRequest, view: TypeView, isFirst: boolean): void {
    const mayHold = (isFirst || request.isContinued) && request.subscribe.length > 0;
    const held = mayHold ? request.initialVersions : undefined;
    if (isFirst) this.#start(request);
    if (request.subscribe.length + request.unsubscribe.length > 0) this.#state.owed.dissolveParts();
    for (const name of request.subscribe) this.#subscribe(name, view, held?.get(name));
    for (const name of request.unsubscribe) this.#unsubscribe(name);
  }

  #start(request: DeltaRequest): void {
    if (request.subscribe.length === 0 && isFullState(this.typeUrl)) this.#startWildcard();
    if (this.#state.isWildcard || request.subscribe.includes("*")) this.#state.initial.state(request);
  }

  #startWildcard(): void {
    this.#state.isWildcard = true;
    this.#state.owed.addAll();
    this.#state.onTheWay = [...this.#ledger.outstandingNames()];
  }

  #endWildcard(): void {
    const { initial, owed, removals } = this.#state;
    this.#state.isWildcard = false;
    owed.clearAll();
    initial.clearStated();
    removals.clearSuspects();
    this.#state.forgetUnwanted();
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
    const { initial, names, owed, removals } = this.#state;
    const current = view.get(requested);
    const name = current?.name ?? requested;
    const isNew = !this.#state.wants(name) || (owed.isAll && !names.has(name));
    names.add(name);
    if (heldVersion === undefined && isNew) owed.addFresh(name);
    else if (heldVersion === undefined) owed.add(name);
    else if (!current) removals.hold(name, view.sequence);
    else if (!isKept(current, heldVersion)) initial.addOutdated(name);
  }

  /** "Unsubscribing an explicit name while `*` holds must be answered", with the resource or its removal. */
  #unsubscribe(name: string): void {
    if (name === "*") this.#endWildcard();
    else if (this.#state.names.delete(name)) {
      if (this.#state.isWildcard) this.#state.owed.add(name);
      else this.#state.forget(name);
    }
  }

  #nextContent(view: TypeView, gate: Gate, nextNonce: () => string, isTight: boolean): Response | undefined {
    this.#isUnfinished = false;
    const { cursor, initial, owed } = this.#state;
    if (owed.hasParts && view.sequence > cursor.sequence) owed.dissolveParts();
    if (isTight && owed.hasParts) return undefined;
    if (isTight && owed.isAll && view.bytes > tightResponseBytes) return undefined;
    const mayPush = this.#ledger.outstanding === 0 && this.#ledger.pausedUntil === undefined;
    const mustAnswer = !owed.isEmpty;
    const mayAnswer = mustAnswer && this.#ledger.outstanding < (this.#isSplit ? 1 : maxOutstanding);
    if (!mayPush && !mayAnswer) return undefined;

    const isFirstOfWildcard = owed.isAll;
    const { wholeBytes, responseBytes, stepsAtOnce } = this.#sizes;
    const steps = new Steps(stepsAtOnce);
    const partBytes = isTight ? Math.min(tightResponseBytes, responseBytes) : responseBytes;
    const collected = new Collected(isFirstOfWildcard && !initial.areStated ? wholeBytes : partBytes);
    const content = new DeltaContent({ state: this.#state, view, gate, collected, steps, sizes: this.#sizes });
    const isOffer = mayPush && !mustAnswer && !initial.isComparing && content.addOffer();
    if (isFirstOfWildcard) content.addAll();
    content.addPart();
    const isPush = isOffer || (mayPush && content.addPush());
    content.addOwed();
    this.#isSplit = !owed.isEmpty;
    this.#isUnfinished = steps.areUsedUp;
    if (collected.size() === 0 && !isFirstOfWildcard) {
      this.#state.settleIfIdle();
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
    const exists = view.get(name) !== undefined || this.#state.removals.has(name);
    return exists && this.#state.wants(name) && !this.#ledger.parked.has(name);
  }
}
