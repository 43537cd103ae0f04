import { areEqual } from "./claim.ts";
import type { DeltaRequest } from "./delta-request.ts";
import type { TypeView } from "./type-view.ts";

/** Names that are subscribed to at a step. */
const namesAtAStep = 5000;

/**
 * Decodes what a client subscribes to and holds, unless its claims say that this is all that there is, and divides a request with
 * very many names.
 */
export function* prepareDelta(request: DeltaRequest, view: TypeView): Generator<undefined, readonly DeltaRequest[]> {
  const { claims } = request;
  if (!claims || claims.names.count + claims.versions.count <= namesAtAStep) return [request];
  const isKnown =
    (claims.names.count === 0 || areEqual(claims.names, view.claims.names)) &&
    (claims.versions.count === 0 || (!view.hasLifetimes && areEqual(claims.versions, view.claims.versions)));
  if (isKnown) return [request];
  if (request.decodeAhead) yield* request.decodeAhead();
  const { node, typeUrl, responseNonce, error, subscribe, unsubscribe, initialVersions } = request;
  if (subscribe.length <= namesAtAStep || subscribe.includes("*")) return [request];
  const parts: DeltaRequest[] = [];
  for (let from = 0; from < subscribe.length; from += namesAtAStep) {
    const isFirst = from === 0;
    const isLast = from + namesAtAStep >= subscribe.length;
    parts.push({
      ...{ node, typeUrl, initialVersions },
      ...(isFirst ? { responseNonce, error } : { responseNonce: "", error: undefined, isContinued: true }),
      subscribe: subscribe.slice(from, from + namesAtAStep),
      unsubscribe: isLast ? unsubscribe : [],
    });
  }
  return parts;
}
