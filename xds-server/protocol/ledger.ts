import { namesIn, type RefusedGroup, splitRefused } from "./refused-group.ts";
import type { ErrorDetail } from "./request.ts";
import type { StoredResource } from "./resource.ts";
import type { Progress, Refusal, Verdict } from "./subscription.ts";

/** What of a response was new to the client. */
export type News = { readonly resources: readonly StoredResource[]; readonly removed: readonly string[] };

type Sent = { readonly news: News; readonly before: number; readonly isPush: boolean };

function namesOf({ resources, removed }: News): string[] {
  const names = resources.map((resource) => resource.name);
  return removed.length > 0 ? [...names, ...removed] : names;
}

/** Acknowledgement times kept for the grace period of removals. */
const maxRecentAcks = 64;

/**
 * Refusals in a row after which pauses begin, the first of them and the longest in milliseconds. Those of one resource that the
 * client names do not count: it tells what it minds, and is asked of each but once.
 */
const pauses = { after: 32, firstMs: 100, maxMs: 30_000 };

export type LedgerOptions = {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /**
   * What becomes of a refused response with several resources. `offer`: they are offered once more in ever smaller groups, so
   * that in the end only what the client minds is parked. `name`: a response always has everything, so those are parked that
   * the client's message mentions, or all of them when it mentions none.
   */
  readonly severalRefused: "offer" | "name";
};

/** Keeps account of the responses of one subscription: what is outstanding, what was acknowledged, what was refused. */
export class Ledger {
  readonly #now: () => number;
  readonly #severalRefused: "offer" | "name";
  readonly #outstanding = new Map<string, Sent>();
  readonly #parked = new Map<string, Refusal>();
  readonly #recentAcks: { before: number; at: number }[] = [];
  #undecided: RefusedGroup[] = [];
  #settled = 0;
  #refusedInARow = 0;
  #pausedUntil = 0;

  constructor({ now, severalRefused }: LedgerOptions) {
    this.#now = now;
    this.#severalRefused = severalRefused;
  }

  get outstanding(): number {
    return this.#outstanding.size;
  }

  *outstandingNames(): Iterable<string> {
    for (const sent of this.#outstanding.values()) yield* namesOf(sent.news);
  }

  get parked(): ReadonlyMap<string, Refusal> {
    return this.#parked;
  }

  /**
   * Until when nothing is pushed to a client that refuses one response after the other, in milliseconds since the epoch;
   * undefined when it does not.
   */
  get pausedUntil(): number | undefined {
    return this.#pausedUntil > this.#now() ? this.#pausedUntil : undefined;
  }

  progress(sent: number): Progress {
    let acknowledged = this.#settled;
    for (const refusal of this.#parked.values()) acknowledged = Math.min(acknowledged, refusal.before);
    return { sent, settled: this.#settled, acknowledged, recentAcks: this.#recentAcks, parked: this.#parked };
  }

  record(nonce: string, news: News, isPush: boolean): void {
    this.#outstanding.set(nonce, { news, before: this.#settled, isPush });
  }

  /** Everything up to `sequence` was sent, and nothing is outstanding or owed any more. */
  settle(sequence: number): void {
    if (this.#outstanding.size === 0 && !this.#hasOffer()) this.#settled = sequence;
  }

  /** Takes in the nonce of a request, and the error that makes it a NACK; `changedAt` is the sequence of a name's content. */
  answer(nonce: string, error: ErrorDetail | undefined, changedAt: (name: string) => number): Verdict {
    const sent = this.#outstanding.get(nonce);
    if (!sent) return { kind: nonce === "" ? "none" : "stale" };
    this.#outstanding.delete(nonce);
    if (error) return this.#refuse(nonce, sent, error, changedAt);
    this.#refusedInARow = 0;
    this.#pausedUntil = 0;
    const names = namesOf(sent.news);
    if (this.#parked.size > 0) for (const name of names) this.#parked.delete(name);
    if (sent.isPush) this.#noteAck(sent.before);
    return { kind: "ack", nonce, names };
  }

  /**
   * The next names of a refused response that are to be sent once more, in a response without others; none when there are
   * none. Names that `isDue` denies are left out for good.
   */
  takeOffer(isDue: (name: string) => boolean): readonly string[] {
    while (this.#hasOffer()) {
      const names = this.#stillRefused(this.#undecided.shift()).filter(isDue);
      if (names.length > 0) return names;
    }
    return [];
  }

  /** The client no longer cares for this name, so its refusal holds nothing up. */
  forget(name: string): void {
    this.#parked.delete(name);
  }

  /** Keeps only the refusals of names that still matter. */
  retain(matters: (name: string) => boolean): void {
    for (const name of this.#parked.keys()) if (!matters(name)) this.#parked.delete(name);
  }

  #refuse(nonce: string, sent: Sent, { code, message }: ErrorDetail, changedAt: (name: string) => number): Verdict {
    const names = namesOf(sent.news);
    const refused = this.#severalRefused === "name" ? this.#mentioned(names, message) : names;
    const at = this.#now();
    const refusals = new Map<string, Refusal>();
    for (const name of refused) {
      const beforeContent = Math.max(0, changedAt(name) - 1);
      const before = Math.min(sent.before, beforeContent, this.#parked.get(name)?.before ?? sent.before);
      refusals.set(name, { message, at, before });
    }
    for (const [name, refusal] of refusals) this.#parked.set(name, refusal);
    if (refusals.size > 1 || namesIn(message, refusals).size === 0) this.#pause();
    const isUndecided = refusals.size > 1 && this.#severalRefused === "offer";
    if (isUndecided) this.#undecided.push(...splitRefused(refusals, message));
    return { kind: "nack", nonce, names: refused, code, message, isUndecided };
  }

  #pause(): void {
    const beyond = ++this.#refusedInARow - pauses.after;
    if (beyond > 0) this.#pausedUntil = this.#now() + Math.min(pauses.maxMs, pauses.firstMs * 2 ** (beyond - 1));
  }

  /** What is refused already is in every later response too, and may be what the client minds in this one. */
  #mentioned(names: readonly string[], message: string): readonly string[] {
    const mentioned = namesIn(message, new Set([...names, ...this.#parked.keys()]));
    return mentioned.size > 0 ? [...mentioned] : names;
  }

  /** A name that was meanwhile accepted, given up or refused in another response is no longer part of its group. */
  #stillRefused(group: RefusedGroup = new Map()): string[] {
    return [...group].flatMap(([name, refusal]) => (this.#parked.get(name) === refusal ? [name] : []));
  }

  #hasOffer(): boolean {
    for (;;) {
      const group = this.#undecided[0];
      if (!group) return false;
      for (const [name, refusal] of group) if (this.#parked.get(name) === refusal) return true;
      this.#undecided.shift();
    }
  }

  #noteAck(before: number): void {
    this.#recentAcks.push({ before, at: this.#now() });
    if (this.#recentAcks.length > maxRecentAcks) this.#recentAcks.shift();
  }
}
