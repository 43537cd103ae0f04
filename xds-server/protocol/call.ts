import { type ServerDuplexStream, status } from "@grpc/grpc-js";
import type { DiscoveryService } from "./service.ts";
import type { AnyRequest, ServedStream, Variant, XdsStream } from "./stream.ts";
import type { Node } from "./wire.ts";

/** A gRPC call of one of the discovery services, as the server sees it. */
export type Call<Request> = ServerDuplexStream<Request, Buffer>;

export type OpenStream = <Request extends AnyRequest>(
  call: Call<Request>,
  service: DiscoveryService,
  variant: Variant<Request>,
  node: Node,
  end: (code: number, details: string) => void,
) => XdsStream<Request>;

export type CallEvents = {
  /** Called at the first request; throws a `Refusal` when the node is not served. */
  readonly openStream: OpenStream;
  readonly onClose: (stream: ServedStream, reason: string) => void;
  readonly onReject: (rejection: { readonly peer: string; readonly code: number; readonly details: string }) => void;
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
  call: Call<Request>,
  service: DiscoveryService,
  variant: Variant<Request>,
  events: CallEvents,
): void {
  let stream: XdsStream<Request> | undefined;
  let hasEnded = false;
  const close = (reason: string) => {
    hasEnded = true;
    if (stream) events.onClose(stream, reason);
  };
  const end = (code: number, details: string) => {
    if (!hasEnded) call.emit("error", Object.assign(new Error(details), { code, details }));
  };
  call.on("data", (request: Request) => {
    if (hasEnded) return;
    try {
      const typeUrl = typeOf(request, service);
      stream ??= events.openStream(call, service, variant, nodeOf(request), end);
      stream.request(typeUrl, request);
    } catch (error) {
      const { code, details } = refusalOf(error);
      events.onReject({ peer: call.getPeer(), code, details });
      end(code, error instanceof Refusal ? details : "internal error");
    }
  });
  call.on("end", () => {
    close("the client ended it");
    call.end();
  });
  call.on("error", (error) => close(error.message));
  call.on("cancelled", () => close("cancelled or connection lost"));
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
