import type { GroupView } from "./group.ts";
import type { CutReason, ReachedRevisions } from "./hooks.ts";
import { earliestOf, type Subscription } from "./subscription.ts";
import { compareTypes } from "./type-urls.ts";

export type SubscriptionLimits = {
  /** Types one stream may subscribe to. */
  readonly typesPerStream: number;
  /** Names one request may have, and one stream subscribe to of one type. */
  readonly namesPerType: number;
  /** Names one stream may subscribe to, all types together. */
  readonly namesPerStream: number;
};

export type StreamSubscriptionsDeps<Request> = {
  readonly create: (typeUrl: string) => Subscription<Request>;
  readonly limits: SubscriptionLimits;
  /** Ends the stream, which asked for more than its limits. */
  readonly cut: (reason: CutReason, details: string) => void;
};

/** The subscriptions of one stream, one per type, in the order in which the types change. */
export class StreamSubscriptions<Request> implements Iterable<Subscription<Request>> {
  readonly #deps: StreamSubscriptionsDeps<Request>;
  readonly #byType = new Map<string, Subscription<Request>>();
  #inOrder: readonly Subscription<Request>[] = [];

  constructor(deps: StreamSubscriptionsDeps<Request>) {
    this.#deps = deps;
  }

  /** Type URL -> subscription; the same map for as long as the stream lives. */
  get byType(): ReadonlyMap<string, Subscription<Request>> {
    return this.#byType;
  }

  [Symbol.iterator](): Iterator<Subscription<Request>> {
    return this.#inOrder[Symbol.iterator]();
  }

  /** The subscription to a type, made when it is the first; undefined when it is one too many. */
  open(typeUrl: string): Subscription<Request> | undefined {
    const existing = this.#byType.get(typeUrl);
    if (existing) return existing;
    const { create, cut, limits } = this.#deps;
    if (this.#byType.size >= limits.typesPerStream) {
      cut("too_many_types", `more than ${limits.typesPerStream} types on one stream`);
      return undefined;
    }
    const created = create(typeUrl);
    this.#byType.set(typeUrl, created);
    this.#inOrder = [...this.#byType.values()].sort((a, b) => compareTypes(a.typeUrl, b.typeUrl));
    return created;
  }

  /** Whether a type, or all together, have too many names: then the stream is cut. */
  exceedNames(typeUrl: string): boolean {
    const { cut, limits } = this.#deps;
    const { namesPerType, namesPerStream } = limits;
    const own = this.#byType.get(typeUrl)?.nameCount() ?? 0;
    let names = 0;
    for (const subscription of this.#inOrder) names += subscription.nameCount();
    if (own > namesPerType) cut("too_many_names", `${own} names of ${typeUrl} on one stream; at most ${namesPerType}`);
    else if (names > namesPerStream) cut("too_many_names", `${names} names on one stream; at most ${namesPerStream}`);
    return own > namesPerType || names > namesPerStream;
  }

  /** Grows with everything that the client answers, whatever its type. */
  settledSum(): number {
    let sum = 0;
    for (const subscription of this.#inOrder) sum += subscription.progress.settled;
    return sum;
  }

  revisions(view: GroupView | undefined): ReachedRevisions {
    let [settled, acknowledged] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (const { progress } of this.#inOrder) {
      settled = Math.min(settled, progress.settled);
      acknowledged = Math.min(acknowledged, progress.acknowledged);
    }
    if (!view || this.#inOrder.length === 0) return { settled: undefined, acknowledged: undefined };
    return { settled: view.revisionAt(settled), acknowledged: view.revisionAt(acknowledged) };
  }

  /** When one of them may have something to send by the passing of time alone, in milliseconds since the epoch. */
  wakeAt(): number | undefined {
    return earliestOf(...this.#inOrder.map((subscription) => subscription.wakeAt()));
  }

  clear(): void {
    this.#byType.clear();
    this.#inOrder = [];
  }
}
