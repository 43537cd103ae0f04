import { Cursor } from "./cursor.ts";
import { Heartbeats } from "./heartbeats.ts";
import { HeldRemovals } from "./held-removals.ts";
import { Ledger } from "./ledger.ts";
import type { StoredResource } from "./resource.ts";
import type { SotwRequest } from "./sotw-request.ts";
import {
  earliestOf,
  type Gate,
  type Progress,
  type Response,
  type Subscription,
  tightResponseBytes,
  type Verdict,
} from "./subscription.ts";
import { isFullState } from "./type-urls.ts";
import type { TypeView } from "./type-view.ts";

type Due = Pick<Response, "resources" | "changed">;
type Add = (name: string, resource: StoredResource | undefined) => void;

/** Stands in for a resource that does not exist, where a client would wait for it in vain; undefined stays silent. */
export type AnswerMissing = (typeUrl: string, name: string) => StoredResource | undefined;

export type SotwOptions = {
  readonly typeUrl: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly answerMissing: AnswerMissing;
  /** Whether the client is told times to live, and gets heartbeats. */
  readonly takesLifetimes: boolean;
};

/**
 * One type on one state-of-the-world stream. Of Listener, Cluster and their like every response is the whole state, and
 * absence deletes; of the other types a response holds what changed or was asked for.
 */
export class SotwSubscription implements Subscription<SotwRequest> {
  readonly typeUrl: string;
  /** A response is the whole state, or all that changed. */
  readonly isUnfinished = false;
  readonly #isFullState: boolean;
  readonly #now: () => number;
  readonly #answerMissing: AnswerMissing;
  readonly #takesLifetimes: boolean;
  readonly #ledger: Ledger;
  readonly #heartbeats = new Heartbeats();
  readonly #owed = new Set<string>();
  readonly #removals = new HeldRemovals();
  readonly #cursor = new Cursor();
  #names = new Set<string>();
  #lastNonce: string | undefined;
  #started = false;
  #wasNamed = false;
  #wildcard = false;
  #owesAll = false;

  constructor({ typeUrl, now, answerMissing, takesLifetimes }: SotwOptions) {
    this.typeUrl = typeUrl;
    this.#now = now;
    this.#takesLifetimes = takesLifetimes;
    this.#isFullState = isFullState(typeUrl);
    this.#answerMissing = answerMissing;
    this.#ledger = new Ledger({ now, severalRefused: this.#isFullState ? "name" : "offer" });
  }

  get progress(): Progress {
    return this.#ledger.progress(this.#cursor.sequence);
  }

  earliestHeldRemoval(): number {
    return this.#removals.earliest();
  }

  nameCount(): number {
    return this.#names.size;
  }

  wakeAt(): number | undefined {
    const beatAt = this.#ledger.outstanding === 0 ? this.#heartbeats.nextAt : undefined;
    return earliestOf(this.#ledger.pausedUntil, beatAt);
  }

  /** "The server should not send a response for any request with a stale nonce": such a request is ignored whole. */
  request(request: SotwRequest, view: TypeView): Verdict {
    if (this.#lastNonce !== undefined && request.responseNonce !== this.#lastNonce) return { kind: "stale" };
    const verdict = this.#ledger.answer(request.responseNonce, request.error, view.changedAt);
    if (verdict.kind === "nack") this.#ledger.retain((name) => this.#wants(name));
    if (verdict.kind === "ack" && this.#isFullState) this.#ledger.retain(() => false);
    if (!this.#started) this.#cursor.moveTo(view.sequence);
    this.#started = true;
    this.#subscribe(request.resourceNames, view);
    this.#settleIfIdle();
    return verdict.kind === "stale" ? { kind: "none" } : verdict;
  }

  next(view: TypeView, gate: Gate, nextNonce: () => string, isTight = false): Response | undefined {
    if (!this.#started || this.#ledger.outstanding > 0) return undefined;
    if (isTight && view.bytes > tightResponseBytes) return undefined;
    const response = this.#nextContent(view, gate, nextNonce) ?? this.#nextHeartbeat(view, nextNonce);
    if (!response) return undefined;
    this.#lastNonce = response.nonce;
    if (view.hasLifetimes && this.#takesLifetimes) {
      this.#heartbeats.sent(response.resources, this.#now());
    }
    return response;
  }

  resend(names: Iterable<string>, view: TypeView): string[] {
    const others: string[] = [];
    for (const name of names) {
      if (!this.#wants(name)) others.push(name);
      else if (view.get(name)) this.#owed.add(name);
    }
    return others;
  }

  #nextContent(view: TypeView, gate: Gate, nextNonce: () => string): Response | undefined {
    const limit = Math.min(gate.pushLimit, view.sequence);
    const isAnswer = this.#owesAll || this.#owed.size > 0;
    if (!isAnswer && this.#ledger.pausedUntil !== undefined) return undefined;
    const due = this.#isFullState ? this.#fullState(view, limit, gate) : this.#partialState(view, limit, gate);
    if (!due) {
      this.#settleIfIdle();
      return undefined;
    }
    const nonce = nextNonce();
    const news = due.changed.length > 0 ? due.changed : due.resources;
    this.#ledger.record(nonce, { resources: news, removed: [] }, !isAnswer);
    return { typeUrl: this.typeUrl, version: this.#version(view), nonce, ...due, removed: [] };
  }

  /**
   * The resource once more: Envoy takes a state-of-the-world heartbeat without content, and lets the resource expire all the
   * same (seen with 1.40 and 1.36). A whole state is sent whole, because what is not in it is deleted; changes that have to
   * wait for other types make it wait.
   */
  #nextHeartbeat(view: TypeView, nextNonce: () => string): Response | undefined {
    const now = this.#now();
    if (this.#heartbeats.nextAt === undefined || this.#heartbeats.nextAt > now) return undefined;
    if (this.#isFullState && this.#cursor.sequence < view.sequence) return undefined;
    const { alive, expired } = this.#heartbeats.due(now, ({ name }) => this.#holds(name, view));
    const due = [...alive, ...expired];
    if (due.length === 0) return undefined;
    const nonce = nextNonce();
    this.#ledger.record(nonce, { resources: due, removed: [] }, false);
    const resources = this.#isFullState ? this.#everything(view) : due;
    return { typeUrl: this.typeUrl, version: this.#version(view), nonce, resources, changed: [], removed: [] };
  }

  #holds(name: string, view: TypeView): boolean {
    const exists = view.get(name) !== undefined || this.#removals.has(name);
    return exists && this.#wants(name) && !this.#ledger.parked.has(name);
  }

  /**
   * "If the first request has no names, it means wildcard; once any name, `*` included, was subscribed on the stream, an empty
   * list means nothing." A list of empty names only is what some clients send to unsubscribe from everything.
   */
  #subscribe(listed: readonly string[], view: TypeView): void {
    if (listed.length > 0) this.#wasNamed = true;
    const names = new Set<string>();
    for (const name of listed) if (name !== "" && name !== "*") names.add(view.get(name)?.name ?? name);
    const wildcard = this.#wasNamed ? listed.includes("*") : this.#isFullState;
    if (wildcard && !this.#wildcard) this.#owesAll = true;
    for (const name of names) if (!this.#names.has(name)) this.#owed.add(name);
    const isSmaller = (this.#wildcard && !wildcard) || [...this.#names].some((name) => !names.has(name));
    this.#wildcard = wildcard;
    this.#names = names;
    if (isSmaller) this.#forgetUnwanted();
  }

  #forgetUnwanted(): void {
    if (this.#wildcard) return;
    this.#owesAll = false;
    const wants = (name: string) => this.#names.has(name);
    for (const name of this.#owed) if (!wants(name)) this.#owed.delete(name);
    for (const part of [this.#removals, this.#cursor, this.#ledger]) part.retain(wants);
  }

  #wants(name: string): boolean {
    return this.#wildcard || this.#names.has(name);
  }

  /** The whole state when there is a reason to send it. A change that has to wait makes the whole response wait. */
  #fullState(view: TypeView, limit: number, gate: Gate): Due | undefined {
    const mustAnswer = this.#owesAll || this.#owed.size > 0;
    const changes = [...view.changes(this.#cursor.sequence, view.sequence)].filter((change) =>
      this.#wants(change.name),
    );
    if (!mustAnswer && changes.some((change) => change.sequence > limit)) return undefined;
    const changed: StoredResource[] = [];
    for (const { name, sequence } of changes) {
      const resource = view.get(name);
      if (resource) {
        changed.push(resource);
        this.#removals.forget(name);
      } else {
        this.#removals.hold(name, sequence);
      }
    }
    const mayHaveMissedSome = this.#cursor.sequence < view.horizon;
    const isDue = mustAnswer || mayHaveMissedSome || changed.length > 0;
    const hasReleased = [...this.#removals.release(view, gate)].length > 0;
    this.#cursor.moveTo(view.sequence);
    this.#owesAll = false;
    this.#owed.clear();
    if (!isDue && !hasReleased) return undefined;
    const resources = this.#everything(view);
    return { resources, changed: mustAnswer ? resources : changed };
  }

  #everything(view: TypeView): readonly StoredResource[] {
    const present = this.#wildcard ? view.all() : [...this.#names].flatMap((name) => view.get(name) ?? []);
    if (this.#removals.size === 0) return present;
    return [...present, ...[...this.#removals.names()].flatMap((name) => view.lastKnown(name) ?? [])];
  }

  /** What changed and what was asked for. Only where a stand-in exists can the absence of a resource be said. */
  #partialState(view: TypeView, limit: number, gate: Gate): Due | undefined {
    const due = new Map<string, StoredResource>();
    const add: Add = (name, resource) => {
      const present = resource ?? this.#answerMissing(this.typeUrl, name);
      if (present) due.set(name, present);
    };
    if (!this.#owesAll && this.#owed.size === 0) this.#addOffer(view, add);
    if (due.size > 0) return { resources: [...due.values()], changed: [...due.values()] };
    for (const { name, sequence } of view.changes(this.#cursor.sequence, limit)) {
      if (!this.#wants(name) || this.#cursor.wasAnswered(name, sequence)) continue;
      const resource = view.get(name);
      if (resource) {
        this.#removals.forget(name);
        add(name, resource);
      } else {
        this.#removals.hold(name, sequence);
      }
    }
    if (limit > this.#cursor.sequence) this.#cursor.moveTo(limit);
    for (const name of this.#removals.release(view, gate)) {
      add(name, undefined);
      this.#ledger.forget(name);
    }
    this.#addOwed(view, add);
    return due.size > 0 ? { resources: [...due.values()], changed: [...due.values()] } : undefined;
  }

  /**
   * Part of a refused response once more, by itself. What changed or went since it was refused is left out: it is sent as the
   * change that it is, when that may go.
   */
  #addOffer(view: TypeView, add: Add): void {
    const names = this.#ledger.takeOffer(
      (name) => this.#cursor.hasSeen(name, view) && (view.get(name) !== undefined || !this.#removals.has(name)),
    );
    for (const name of names) add(name, view.get(name));
  }

  /** A resource whose removal waits for other types still exists for this client. */
  #addOwed(view: TypeView, add: Add): void {
    if (this.#owesAll) for (const { name } of view.all()) this.#owed.add(name);
    for (const name of this.#owed) {
      add(name, view.get(name) ?? (this.#removals.has(name) ? view.lastKnown(name) : undefined));
      this.#cursor.noteAnswered(name, view);
    }
    this.#owesAll = false;
    this.#owed.clear();
  }

  /** A state that still holds removed resources is not the state that the version stands for. */
  #version(view: TypeView): string {
    const isLagging = this.#isFullState && this.#removals.size > 0 && !view.isVersionGiven;
    return isLagging ? `${view.version}+${this.#removals.size}` : view.version;
  }

  #settleIfIdle(): void {
    if (!this.#owesAll && this.#owed.size === 0) this.#ledger.settle(this.#cursor.sequence);
  }
}
