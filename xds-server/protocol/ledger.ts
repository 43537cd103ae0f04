import type { Progress, Refusal, Verdict } from "./subscription.ts";
import type { ErrorDetail } from "./wire.ts";

type Sent = { readonly names: readonly string[]; readonly before: number; readonly isPush: boolean };

/** Acknowledgement times kept for the grace period of removals. */
const maxRecentAcks = 64;

/** Keeps account of the responses of one subscription: what is outstanding, what was acknowledged, what was refused. */
export class Ledger {
  readonly #now: () => number;
  readonly #outstanding = new Map<string, Sent>();
  readonly #parked = new Map<string, Refusal>();
  readonly #recentAcks: { before: number; at: number }[] = [];
  #settled = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  get outstanding(): number {
    return this.#outstanding.size;
  }

  *outstandingNames(): Iterable<string> {
    for (const sent of this.#outstanding.values()) yield* sent.names;
  }

  get parked(): ReadonlyMap<string, Refusal> {
    return this.#parked;
  }

  progress(sent: number): Progress {
    let acknowledged = this.#settled;
    for (const refusal of this.#parked.values()) acknowledged = Math.min(acknowledged, refusal.before);
    return { sent, settled: this.#settled, acknowledged, recentAcks: this.#recentAcks, parked: this.#parked };
  }

  record(nonce: string, names: readonly string[], isPush: boolean): void {
    this.#outstanding.set(nonce, { names, before: this.#settled, isPush });
  }

  /** Everything up to `sequence` was sent, and nothing is outstanding or owed any more. */
  settle(sequence: number): void {
    if (this.#outstanding.size === 0) this.#settled = sequence;
  }

  /** Takes in the nonce of a request, and the error that makes it a NACK; `changedAt` is the sequence of a name's content. */
  answer(nonce: string, error: ErrorDetail | undefined, changedAt: (name: string) => number): Verdict {
    const sent = this.#outstanding.get(nonce);
    if (!sent) return { kind: nonce === "" ? "none" : "stale" };
    this.#outstanding.delete(nonce);
    if (error) {
      this.#refuse(sent, error.message, changedAt);
      return { kind: "nack", nonce, names: sent.names, code: error.code, message: error.message };
    }
    if (this.#parked.size > 0) for (const name of sent.names) this.#parked.delete(name);
    if (sent.isPush) this.#noteAck(sent.before);
    return { kind: "ack", nonce, names: sent.names };
  }

  /** The client no longer cares for this name, so its refusal holds nothing up. */
  forget(name: string): void {
    this.#parked.delete(name);
  }

  /** Keeps only the refusals of names that still matter. */
  retain(matters: (name: string) => boolean): void {
    for (const name of this.#parked.keys()) if (!matters(name)) this.#parked.delete(name);
  }

  #refuse(sent: Sent, message: string, changedAt: (name: string) => number): void {
    const at = this.#now();
    for (const name of sent.names) {
      const beforeContent = Math.max(0, changedAt(name) - 1);
      const before = Math.min(sent.before, beforeContent, this.#parked.get(name)?.before ?? sent.before);
      this.#parked.set(name, { message, at, before });
    }
  }

  #noteAck(before: number): void {
    this.#recentAcks.push({ before, at: this.#now() });
    if (this.#recentAcks.length > maxRecentAcks) this.#recentAcks.shift();
  }
}
