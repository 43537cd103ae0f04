import { status } from "@grpc/grpc-js";
import type { EncodedResponse } from "./encoding.ts";
import type { FlushQueue } from "./flush-queue.ts";
import type { GroupView } from "./group.ts";
import type { CutReason, ReachedRevisions, StreamInfo, XdsHooks, XdsLogger } from "./hooks.ts";
import { createNackLog, type Nack } from "./nack-log.ts";
import { createOrdering, type Ordering, type OrderingOptions } from "./ordering.ts";
import { Outbox } from "./outbox.ts";
import type { SendBudget } from "./send-budget.ts";
import { StreamSubscriptions, type SubscriptionLimits } from "./stream-subscriptions.ts";
import { earliestOf, type Response, type Subscription, TooFarBehindError } from "./subscription.ts";
import { typeUrls } from "./type-urls.ts";
import type { TypeView } from "./type-view.ts";
import type { AnyRequest, Variant } from "./variant.ts";
import { MalformedRequestError } from "./wire.ts";

export type StreamLimits = SubscriptionLimits & {
  /** Bytes that wait for the network before no further response is made. */
  readonly unsentBytes: number;
  /** Milliseconds in which a client has to read something while anything waits for it. */
  readonly stalledMs: number;
};

export type StreamDeps<Request extends AnyRequest> = {
  readonly variant: Variant<Request>;
  readonly info: StreamInfo;
  /** The group's current content; undefined when the group has none. */
  readonly view: () => GroupView | undefined;
  /** What becomes of the stream while the group has no content: see `XdsServerDeps`. */
  readonly withoutContent: "refuse" | "wait";
  /** Hands bytes to the network; `done` is called when they have left. */
  readonly write: (message: EncodedResponse, done: () => void) => void;
  /** What waits for the network in all streams together. */
  readonly budget: SendBudget;
  /** Ends the stream with a gRPC status. */
  readonly end: (code: number, details: string) => void;
  /** Ends the stream for what the client did; `stalled` does so without waiting for it to read a status. */
  readonly cut: (reason: CutReason, details: string) => void;
  readonly queue: FlushQueue;
  readonly limits: StreamLimits;
  readonly ordering: OrderingOptions;
  readonly hooks: XdsHooks;
  readonly logger: XdsLogger;
};

/** An open stream of either variant, as the server and the status see it. */
export type ServedStream = {
  readonly info: StreamInfo;
  readonly nacks: number;
  readonly subscriptions: ReadonlyMap<string, Pick<Subscription<never>, "typeUrl" | "progress">>;
  revisions(): ReachedRevisions;
  flush(): void;
  end(code: number, details: string): void;
  close(): void;
};

const maxEarlyRequests = 1000;
const tooManyEarly = `more than ${maxEarlyRequests} requests before there was anything to answer with`;

/** One open stream: its subscriptions, their order, and what the network still has to take. */
export class XdsStream<Request extends AnyRequest> implements ServedStream {
  readonly info: StreamInfo;
  readonly #deps: StreamDeps<Request>;
  readonly #subscriptions: StreamSubscriptions<Request>;
  readonly #ordering: Ordering;
  /** Requests that came while the group had no content. */
  #early: { readonly typeUrl: string; readonly request: Request }[] = [];
  /** Endpoints to send although the client holds them: their clusters were sent before it subscribed to them. */
  #awaitedEndpoints: readonly string[] = [];
  readonly #outbox: Outbox;
  #nonces = 0;
  #nacks = 0;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  /** The client has taken something in, or refused it. */
  #hasAnswered = false;
  #revisions: ReachedRevisions = { settled: undefined, acknowledged: undefined };
  readonly #logNack: (typeUrl: string, nack: Nack) => void;

  constructor(deps: StreamDeps<Request>) {
    this.#deps = deps;
    this.info = deps.info;
    this.#logNack = createNackLog({ info: deps.info, logger: deps.logger, now: deps.ordering.now });
    this.#subscriptions = new StreamSubscriptions({
      create: (typeUrl) => deps.variant.createSubscription(typeUrl, deps.info.node),
      limits: deps.limits,
      cut: deps.cut,
    });
    this.#ordering = createOrdering(this.#subscriptions.byType, {
      ...deps.ordering,
      openedAt: deps.info.openedAt,
      isBeginning: () => deps.info.onlyType === undefined && !this.#hasAnswered,
    });
    this.#outbox = new Outbox({
      write: deps.write,
      budget: deps.budget,
      maxBytes: deps.limits.unsentBytes,
      stalledMs: deps.limits.stalledMs,
      onRoom: () => deps.queue.soon(this),
      onStalled: (bytes) =>
        deps.cut(
          "never_reads",
          `${bytes} bytes wait for the client, which has read nothing for ${deps.limits.stalledMs} ms`,
        ),
    });
  }

  get subscriptions(): ReadonlyMap<string, Subscription<Request>> {
    return this.#subscriptions.byType;
  }

  /** NACKs since the stream was opened. */
  get nacks(): number {
    return this.#nacks;
  }

  revisions(): ReachedRevisions {
    return this.#subscriptions.revisions(this.#deps.view());
  }

  /** Takes in a request; a large one in steps, lest it hold up the other streams. Throws a `MalformedRequestError`. */
  *request(typeUrl: string, request: Request): Generator<undefined, void> {
    const view = this.#deps.view();
    const { prepare } = this.#deps.variant;
    const parts = view && prepare ? yield* prepare(request, view.type(typeUrl)) : [request];
    for (const [index, part] of parts.entries()) {
      if (index > 0) yield;
      this.#requestPart(typeUrl, part);
    }
  }

  #requestPart(typeUrl: string, request: Request): void {
    if (this.#isClosed) return;
    const view = this.#requireView();
    if (view) {
      this.#takeEarly(view);
      this.#take(typeUrl, request, view);
    } else if (this.#deps.withoutContent === "wait") {
      this.#early.push({ typeUrl, request });
      if (this.#early.length > maxEarlyRequests) this.#deps.cut("too_many_requests", tooManyEarly);
    }
  }

  #takeEarly(view: GroupView): void {
    const early = this.#early;
    this.#early = [];
    for (const { typeUrl, request } of early) this.#take(typeUrl, request, view);
  }

  #take(typeUrl: string, request: Request, view: GroupView): void {
    const subscription = this.#subscriptions.open(typeUrl);
    if (!subscription) return;
    const verdict = subscription.request(request, view.type(typeUrl));
    this.#hasAnswered ||= verdict.kind === "ack" || verdict.kind === "nack";
    if (typeUrl === typeUrls.endpoint) this.#resendEndpoints(this.#awaitedEndpoints, view.type(typeUrl));
    // What a client holds it says before it takes anything in.
    if (this.#hasAnswered) this.#awaitedEndpoints = [];
    if (verdict.kind === "nack") this.#noteNack(typeUrl, verdict);
    if (verdict.kind === "ack") this.#deps.hooks.onAck?.(this.info, { typeUrl, names: verdict.names });
    if (this.#subscriptions.exceedNames(typeUrl)) return;
    this.#deps.queue.soon(this);
  }

  /** Sends what may be sent now. Does nothing while the network is behind; what changes meanwhile is sent as its latest. */
  flush(): void {
    if (this.#isClosed) return;
    const view = this.#requireView();
    if (!view) return;
    this.#takeEarly(view);
    try {
      while (this.#pass(view));
    } catch (error) {
      // What a client says that it holds is decoded only when it is looked at.
      if (error instanceof MalformedRequestError) this.#deps.cut("garbage", error.message);
      else if (error instanceof TooFarBehindError) this.#deps.end(status.ABORTED, error.message);
      else throw error;
      return;
    }
    this.#schedule();
    this.#noteProgress();
  }

  /** Ends the stream with a gRPC status. */
  end(code: number, details: string): void {
    this.#deps.end(code, details);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#outbox.close();
    this.#deps.queue.remove(this);
    this.#subscriptions.clear();
    this.#early = [];
  }

  #requireView(): GroupView | undefined {
    const view = this.#deps.view();
    if (!view && this.#deps.withoutContent === "refuse")
      this.#deps.end(status.UNAVAILABLE, `group "${this.info.group}" is no longer served`);
    return view;
  }

  /** One round over the types in their order. True when another one may find more to send. */
  #pass(view: GroupView): boolean {
    let sent = false;
    const settledBefore = this.#subscriptions.settledSum();
    for (const subscription of this.#subscriptions) {
      if (this.#outbox.isBehind()) return false;
      const gate = this.#ordering.gate(subscription.typeUrl, view.sequence);
      const isTight = this.#outbox.isTight();
      if (isTight) this.#outbox.waitForRoom();
      const response = subscription.next(view.type(subscription.typeUrl), gate, () => String(++this.#nonces), isTight);
      if (response) {
        sent = true;
        this.#send(response);
        if (response.typeUrl === typeUrls.cluster) {
          const names = response.changed.map((resource) => resource.endpointsName);
          this.#resendEndpoints([...this.#awaitedEndpoints, ...names], view.type(typeUrls.endpoint));
        }
      }
      if (subscription.isUnfinished) {
        this.#deps.queue.soon(this);
        return false;
      }
    }
    return sent || this.#subscriptions.settledSum() !== settledBefore;
  }

  /** A changed cluster is a new one to Envoy, which waits for its endpoints without always asking for them again. */
  #resendEndpoints(names: readonly string[], view: TypeView): void {
    if (names.length === 0) return;
    const others = this.#subscriptions.byType.get(typeUrls.endpoint)?.resend(names, view) ?? names;
    this.#awaitedEndpoints = this.#hasAnswered ? [] : others;
  }

  #send(response: Response): void {
    const message = this.#deps.variant.encode(response, this.info.node);
    this.#outbox.send(message);
    this.#deps.queue.gave(message.byteLength);
    const { typeUrl, nonce } = response;
    const counts = {
      resources: response.resources.length + (response.heartbeats?.length ?? 0),
      removed: response.removed.length,
      bytes: message.byteLength,
    };
    this.#deps.hooks.onResponse?.(this.info, { typeUrl, nonce, ...counts });
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#outbox.isBehind()) return;
    const wakeAt = earliestOf(this.#ordering.wakeAt(), this.#subscriptions.wakeAt());
    if (wakeAt === undefined) return;
    const delayMs = Math.max(1, wakeAt - this.#deps.ordering.now());
    this.#timer = setTimeout(() => this.#deps.queue.soon(this), delayMs);
  }

  #noteProgress(): void {
    const before = this.#revisions;
    this.#revisions = this.revisions();
    const { settled, acknowledged } = this.#revisions;
    if (settled === before.settled && acknowledged === before.acknowledged) return;
    this.#deps.hooks.onProgress?.(this.info, this.#revisions);
  }

  #noteNack(typeUrl: string, nack: Nack): void {
    this.#nacks++;
    const { names, code, message } = nack;
    this.#deps.hooks.onNack?.(this.info, { typeUrl, names, code, message });
    this.#logNack(typeUrl, nack);
  }
}
