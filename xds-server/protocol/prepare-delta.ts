import { areEqual } from "./claim.ts";
import type { TypeView } from "./type-state.ts";
import type { DeltaRequest } from "./wire.ts";

/** Names that are subscribed to at a step. */
const namesAtAStep = 5000;

/**
 * Decodes what a client subscribes to and holds, unless its claims say that this is all that there is, and divides a request with
 * very many names.
 */
export function* prepareDelta(request: DeltaRequest, view: TypeView): Generator<undefined, readonly DeltaRequest[]> {
  const { claims, decodeAhead } = request;
  if (!claims || !decodeAhead || claims.names.count + claims.versions.count <= namesAtAStep) return [request];
  const isKnown =
    (claims.names.count === 0 || areEqual(claims.names, view.claims.names)) &&
    (claims.versions.count === 0 || (!view.hasLifetimes && areEqual(claims.versions, view.claims.versions)));
  if (isKnown) return [request];
  yield* decodeAhead();
  const { subscribe } = request;
  if (subscribe.length <= namesAtAStep || subscribe.includes("*")) return [request];
  const parts: DeltaRequest[] = [];
  for (let from = 0; from < subscribe.length; from += namesAtAStep) {
    const names = subscribe.slice(from, from + namesAtAStep);
    const isLast = from + namesAtAStep >= subscribe.length;
    const part = { ...request, subscribe: names, unsubscribe: isLast ? request.unsubscribe : [] };
    parts.push(from === 0 ? part : { ...part, responseNonce: "", error: undefined, isContinued: true });
  }
  return parts;
}
