/** Envoy's cluster of resolvers, which one-call mode asks. No shard has this name: theirs have a namespace and a slash. */
export const resolverClusterName = "signalbox_resolver";

/** What the path of each question begins with; where a request is asked for whole, the client's path follows. */
export const oneCallPath = "/v1/one-call";

/** Dynamic metadata of requests that the Lua filter leaves to Envoy's `ext_authz`: true there. */
export const askingMetadata = { namespace: "signalbox.one_call", key: "asks" } as const;

/** Inside Envoy, `x-signalbox-error` of a request that is answered in the resolver's own words. */
export const refusedByResolver = "refused_by_resolver";

type Limits = { readonly timeoutMs: number; readonly resolverTimeoutMs: number };

/**
 * How the time that a resolver has to answer in is parted, in milliseconds, each part at least 1: half of it for the question of
 * the Lua filter, which goes to one resolver, and the rest for Envoy's `ext_authz`, which asks when nobody answered that. The
 * request's own limit `timeoutMs` (0 for none) holds as well.
 */
export function resolverTimes({ timeoutMs, resolverTimeoutMs }: Limits): {
  readonly firstMs: number;
  readonly restMs: number;
} {
  const wholeMs = timeoutMs === 0 ? resolverTimeoutMs : Math.min(resolverTimeoutMs, timeoutMs);
  const firstMs = Math.ceil(wholeMs / 2);
  return { firstMs, restMs: Math.max(1, wholeMs - firstMs) };
}
