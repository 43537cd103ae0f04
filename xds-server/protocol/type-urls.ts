/** The type URLs of the resources that Envoy subscribes to. */
export const typeUrls = {
  cluster: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
  endpoint: "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
  listener: "type.googleapis.com/envoy.config.listener.v3.Listener",
  scopedRoute: "type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration",
  route: "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
  virtualHost: "type.googleapis.com/envoy.config.route.v3.VirtualHost",
  secret: "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
  runtime: "type.googleapis.com/envoy.service.runtime.v3.Runtime",
  extension: "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
} as const;

const order: readonly string[] = Object.values(typeUrls);

/**
 * The order of responses on one ADS stream: make before break ("Eventual consistency considerations" of the xDS protocol).
 * Unknown types come last, in the order of their names.
 */
export function compareTypes(left: string, right: string): number {
  return rank(left) - rank(right) || (left < right ? -1 : Number(left > right));
}

function rank(typeUrl: string): number {
  const index = order.indexOf(typeUrl);
  return index < 0 ? order.length : index;
}

const partial: ReadonlySet<string> = new Set([
  typeUrls.endpoint,
  typeUrls.route,
  typeUrls.virtualHost,
  typeUrls.secret,
  typeUrls.runtime,
  typeUrls.extension,
]);

/**
 * True for types of which a state-of-the-world response is the whole state (absence deletes), and whose first request
 * without names means `*`: Listener, Cluster and their like. A type we do not know counts as one of them, so that
 * it is answered, with nothing.
 */
export function isFullState(typeUrl: string): boolean {
  return !partial.has(typeUrl);
}

/** Types whose changes are sent only once the named types of the same commit were answered on that stream. */
export function pushesWaitFor(typeUrl: string): readonly string[] {
  return pushWaits[typeUrl] ?? [];
}

/** Types whose removals are sent only once the named types of the same commit were acknowledged on that stream. */
export function removalsWaitFor(typeUrl: string): readonly string[] {
  return removalWaits[typeUrl] ?? [];
}

const { cluster, endpoint, listener, scopedRoute, route, virtualHost, secret } = typeUrls;

const pushWaits: Readonly<Record<string, readonly string[]>> = {
  [listener]: [cluster, endpoint],
  [scopedRoute]: [cluster, endpoint],
  [route]: [cluster, endpoint],
  [virtualHost]: [cluster, endpoint],
};

const removalWaits: Readonly<Record<string, readonly string[]>> = {
  [cluster]: [listener, scopedRoute, route, virtualHost],
  [endpoint]: [cluster, listener, scopedRoute, route, virtualHost],
  [route]: [listener, scopedRoute],
  [virtualHost]: [route],
  [secret]: [cluster, listener],
};
