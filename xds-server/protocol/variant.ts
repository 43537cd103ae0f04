import type { DeltaRequest } from "./delta-request.ts";
import type { EncodedResponse } from "./encoding.ts";
import type { Node } from "./node.ts";
import type { SotwRequest } from "./sotw-request.ts";
import type { Response, Subscription } from "./subscription.ts";
import type { TypeView } from "./type-view.ts";

export type AnyRequest = DeltaRequest | SotwRequest;

/** One of the two variants of the protocol. */
export type Variant<Request extends AnyRequest> = {
  readonly name: "delta" | "sotw";
  /** A piece at each step. Throws a `MalformedRequestError`, or a `TooManyNamesError` when it has more names than that. */
  decode(bytes: Uint8Array, maxNames: number): Generator<undefined, Request>;
  /** Work on a request before it is taken in, a piece at each step; gives the parts in which it is to be taken in. */
  readonly prepare?: (request: Request, view: TypeView) => Generator<undefined, readonly Request[]>;
  createSubscription(typeUrl: string, node: Node): Subscription<Request>;
  encode(response: Response, node: Node): EncodedResponse;
};
