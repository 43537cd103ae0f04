import type { Readable } from "node:stream";
import { type ServerDuplexStream, status } from "@grpc/grpc-js";
import type { CutReason } from "./hooks.ts";
import { isConnectionLost, paceReading, resetStream, sentStatus } from "./http2-stream.ts";
import type { Node } from "./node.ts";
import type { DiscoveryService } from "./service.ts";
import type { ServedStream, XdsStream } from "./stream.ts";
import type { AnyRequest, Variant } from "./variant.ts";
import { MalformedRequestError, TooManyNamesError } from "./wire.ts";

/** A gRPC call of one of the discovery services, as the server sees it: requests are not decoded yet. */
export type Call = ServerDuplexStream<Buffer, never>;

/** How a stream can end its call. */
export type CallEnd = {
  /** With a gRPC status. */
  readonly end: (code: number, details: string) => void;
  /** For what the client did. */
  readonly cut: (reason: CutReason, details: string) => void;
};

export type OpenStream = <Request extends AnyRequest>(
  call: Call,
  service: DiscoveryService,
  variant: Variant<Request>,
  node: Node,
  end: CallEnd,
) => XdsStream<Request>;

export type CallEvents = {
  /** Runs the work when it is its turn, so that the requests of many clients do not hold up the event loop together. */
  readonly soon: (work: () => void) => void;
  /** Lets a stream be read a piece at a turn, so that the large requests of many clients do not hold it up either. */
  readonly readInTurns: (stream: Readable) => void;
  /** Why one more call is refused; undefined takes it, until `onLeft`. */
  readonly enter: () => string | undefined;
  readonly onLeft: () => void;
  /** Milliseconds in which the first request has to come. */
  readonly firstRequestMs: number;
  /** Names that one request may have. */
  readonly maxNames: number;
  /** Called at the first request; throws a `Refusal` when the node is not served. */
  readonly openStream: OpenStream;
  readonly onClose: (stream: ServedStream, reason: string) => void;
  readonly onReject: (rejection: { readonly peer: string; readonly code: number; readonly details: string }) => void;
  /** The client did something for which its call was ended, or not taken. */
  readonly onCut: (cut: {
    readonly peer: string;
    readonly nodeId: string | undefined;
    readonly reason: CutReason;
    readonly details: string;
  }) => void;
};

/** The gRPC status for each thing that a client is cut off for. */
const cutStatus: Readonly<Record<CutReason, number>> = {
  garbage: status.INVALID_ARGUMENT,
  too_large: status.RESOURCE_EXHAUSTED,
  too_many_names: status.RESOURCE_EXHAUSTED,
  too_many_types: status.RESOURCE_EXHAUSTED,
  too_many_requests: status.RESOURCE_EXHAUSTED,
  too_many_streams: status.RESOURCE_EXHAUSTED,
  no_request: status.DEADLINE_EXCEEDED,
  never_reads: status.RESOURCE_EXHAUSTED,
};

/** A reason to end a stream at once; `code` is a gRPC status code. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** Connects one gRPC call with one xDS stream, from its first request until either side ends it. */
export function handleCall<Request extends AnyRequest>(
  call: Call,
  service: DiscoveryService,
  variant: Variant<Request>,
  events: CallEvents,
): void {
  let stream: XdsStream<Request> | undefined;
  let hasEnded = false;
  const peer = call.getPeer();
  const end = (code: number, details: string) => {
    if (!hasEnded) call.emit("error", Object.assign(new Error(details), { code, details }));
  };
  const cut = (reason: CutReason, details: string) => {
    if (hasEnded) return;
    events.onCut({ peer, nodeId: stream?.info.node.id, reason, details });
    end(cutStatus[reason], details);
    if (reason === "never_reads") resetStream(call);
  };
  const refused = events.enter();
  if (refused !== undefined) {
    // grpc-js listens too, and sends the status; without a listener at all Node would throw.
    call.on("error", () => undefined);
    cut("too_many_streams", refused);
    return;
  }
  const timer = setTimeout(
    () => cut("no_request", `no request within ${events.firstRequestMs} ms`),
    events.firstRequestMs,
  );
  timer.unref();
  const close = (reason: string) => {
    if (hasEnded) return;
    hasEnded = true;
    clearTimeout(timer);
    events.onLeft();
    if (stream) events.onClose(stream, reason);
  };
  /** Takes in a request; the first one opens the stream. */
  function* take(bytes: Buffer): Generator<undefined, void> {
    const request = yield* variant.decode(bytes, events.maxNames);
    const typeUrl = typeOf(request, service);
    clearTimeout(timer);
    stream ??= events.openStream(call, service, variant, nodeOf(request), { end, cut });
    yield* stream.request(typeUrl, request);
  }
  const fail = (error: unknown) => {
    if (error instanceof TooManyNamesError) cut("too_many_names", error.message);
    else if (error instanceof MalformedRequestError) cut("garbage", error.message);
    else {
      const { code, details } = refusalOf(error);
      events.onReject({ peer, code, details });
      end(code, error instanceof Refusal ? details : "internal error");
    }
  };
  /** Does one step of a request, and the next one in a later turn; no other request is read before it is done. */
  const step = (work: Generator<undefined, void>) => {
    if (hasEnded) return;
    try {
      if (!work.next().done) {
        events.soon(() => step(work));
        return;
      }
    } catch (error) {
      fail(error);
    }
    call.resume();
  };
  paceReading(call, events.readInTurns);
  call.on("data", (bytes: Buffer) => {
    call.pause();
    const work = take(bytes);
    events.soon(() => step(work));
  });
  call.on("error", (error) => close(error.message));
  call.on("end", () => {
    close(isConnectionLost(call) ? "connection lost" : "the client ended it");
    call.end();
  });
  call.on("cancelled", () => {
    const own = hasEnded ? undefined : sentStatus(call);
    if (own?.code === status.RESOURCE_EXHAUSTED) {
      events.onCut({ peer, nodeId: stream?.info.node.id, reason: "too_large", details: own.details });
    }
    close("cancelled or connection lost");
  });
  call.on("close", () => close("closed"));
}

/** What one node sends may bring down its own stream, never the server. */
function refusalOf(error: unknown): { readonly code: number; readonly details: string } {
  if (error instanceof Refusal) return { code: error.code, details: error.message };
  return { code: status.INTERNAL, details: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

function nodeOf(request: AnyRequest): Node {
  if (!request.node) throw new Refusal(status.INVALID_ARGUMENT, "the first request of a stream has to name its node");
  return request.node;
}

function typeOf(request: AnyRequest, service: DiscoveryService): string {
  const { onlyType } = service;
  const typeUrl = request.typeUrl || onlyType;
  if (!typeUrl)
    throw new Refusal(status.INVALID_ARGUMENT, "a request on an aggregated stream has to name its type_url");
  if (onlyType && typeUrl !== onlyType) {
    throw new Refusal(status.INVALID_ARGUMENT, `${service.name} serves ${onlyType}, not "${typeUrl}"`);
  }
  return typeUrl;
}
