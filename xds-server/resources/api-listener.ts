import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Listener, ListenerSchema } from "../../proto/gen/envoy/config/listener/v3/listener_pb.js";
import {
  type HeaderMatcherSchema,
  RetryPolicySchema,
  type RouteAction,
  RouteAction_MaxStreamDurationSchema,
  RouteActionSchema,
  type RouteSchema,
} from "../../proto/gen/envoy/config/route/v3/route_components_pb.js";
import { RouterSchema } from "../../proto/gen/envoy/extensions/filters/http/router/v3/router_pb.js";
import { HttpConnectionManagerSchema } from "../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { ObjectiveRoutes, VersionRoute } from "../routing/routing-table.ts";
import { headers } from "./headers.ts";
import { placement } from "./placement.ts";
import { any, duration, extensionChoice } from "./proto.ts";

type RouteInit = MessageInitShape<typeof RouteSchema>;

/**
 * `<objective>.<namespace>`: a client's target `xds:///ranking.default` becomes the `:authority` of its requests as well, in
 * which HTTP/2 servers refuse a slash.
 */
export function apiListenerName({ namespace, objective }: ObjectiveRoutes): string {
  return `${objective}.${namespace}`;
}

/**
 * The objective for gRPC clients that speak xDS themselves. They know no scopes and no
 * match trees, so each routing key is a route of its own, and the routes stand in the listener. They copy no request to a
 * shadow, add no headers, and set their deadline by the longest duration of a stream (gRFC A28, A31).
 */
export function apiListener(objective: ObjectiveRoutes): Listener {
  const { fallback } = objective;
  const open = objective.versions.filter((version) => version.isOpenToGrpcClients);
  const routes = open.map((version) => route(objective, version, version.routingKey));
  if (fallback?.isOpenToGrpcClients) routes.push(route(objective, fallback, undefined));
  const manager = create(HttpConnectionManagerSchema, {
    statPrefix: "grpc",
    routeSpecifier: {
      case: "routeConfig",
      value: { name: objective.name, virtualHosts: [{ name: objective.name, domains: ["*"], routes }] },
    },
    httpFilters: [extensionChoice("envoy.filters.http.router", RouterSchema, {})],
  });
  return create(ListenerSchema, {
    name: apiListenerName(objective),
    apiListener: { apiListener: any(HttpConnectionManagerSchema, manager) },
  });
}

/** `key` is the routing key to match; undefined matches every request. */
function route(objective: ObjectiveRoutes, version: VersionRoute, key: string | undefined): RouteInit {
  return {
    name: version.routingKey,
    match: {
      pathSpecifier: { case: "prefix", value: "/" },
      headers: key === undefined ? [] : [exactHeader(headers.routingKey, key)],
    },
    action: { case: "route", value: action(objective, version) },
  };
}

function action({ timeoutMs, retries }: ObjectiveRoutes, version: VersionRoute): RouteAction {
  const to = create(RouteActionSchema, placement(version));
  if (timeoutMs > 0) {
    to.maxStreamDuration = create(RouteAction_MaxStreamDurationSchema, { maxStreamDuration: duration(timeoutMs) });
  }
  if (retries > 0) to.retryPolicy = create(RetryPolicySchema, { retryOn: "unavailable", numRetries: retries });
  return to;
}

function exactHeader(name: string, value: string): MessageInitShape<typeof HeaderMatcherSchema> {
  const stringMatch = { matchPattern: { case: "exact" as const, value } };
  return { name, headerMatchSpecifier: { case: "stringMatch", value: stringMatch } };
}
