import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { DataSourceSchema } from "../../proto/gen/envoy/config/core/v3/base_pb.js";
import {
  HeaderMatcherSchema,
  type Route,
  RouteListSchema,
  RouteSchema,
  type VirtualHostSchema,
} from "../../proto/gen/envoy/config/route/v3/route_components_pb.js";
import { type RouteConfiguration, RouteConfigurationSchema } from "../../proto/gen/envoy/config/route/v3/route_pb.js";
import { HttpRequestHeaderMatchInputSchema } from "../../proto/gen/envoy/type/matcher/v3/http_inputs_pb.js";
import { undecidedKey } from "../../selection/lua/emit-program.ts";
import type { ObjectiveRoutes, PathRule, VersionRoute } from "../routing/routing-table.ts";
import { headers, shadowTrafficClass } from "./headers.ts";
import { asUndecided, oneCallSettings } from "./one-call-routes.ts";
import { placement } from "./placement.ts";
import { any, duration, extension, setHeader, setHeaderFormat } from "./proto.ts";
import { retryPolicy } from "./retries.ts";
import { shadowPolicies } from "./shadow-policies.ts";

/**
 * Bytes of a request that are kept for a retry. A longer one is streamed on and no longer retried, so that Envoy's memory
 * never grows with the body.
 */
const requestBodyBufferBytes = 1024n * 1024n;

/**
 * The routes of one objective: a map from the whole routing key to its route, looked up in constant time. No header of
 * the client names a cluster.
 */
export function routeConfiguration(objective: ObjectiveRoutes): RouteConfiguration {
  const shadowed = new Set(objective.versions.flatMap(({ shadows }) => shadows.map(({ routingKey }) => routingKey)));
  const routesOf = (version: VersionRoute) => routesOfVersion(objective, version, shadowed.has(version.routingKey));
  const virtualHost: MessageInitShape<typeof VirtualHostSchema> = {
    name: objective.name,
    domains: ["*"],
    requestBodyBufferLimit: requestBodyBufferBytes,
    ...oneCallSettings(objective.oneCall),
    matcher: {
      matcherType: {
        case: "matcherTree",
        value: {
          input: routingKeyInput,
          treeType: {
            case: "exactMatchMap",
            value: {
              map: Object.fromEntries([
                ...objective.versions.map((version) => [version.routingKey, onMatch(routesOf(version))]),
                ...undecidedEntries(objective, routesOf),
              ]),
            },
          },
        },
      },
      onNoMatch: onMatch(objective.fallback ? routesOf(objective.fallback).map(asFallback) : [refusal(404)]),
    },
  };
  const retries = retryPolicy(objective.retries);
  return create(RouteConfigurationSchema, {
    name: objective.name,
    virtualHosts: [retries ? { ...virtualHost, retryPolicy: retries } : virtualHost],
    responseHeadersToAdd: [setHeader(headers.revision, String(objective.revision))],
  });
}

/** The routing key of requests that a resolver has to decide, until it does, and its routes; nothing where none is asked. */
function undecidedEntries({ name, oneCall }: ObjectiveRoutes, routesOf: (version: VersionRoute) => readonly Route[]) {
  if (oneCall.resolver === null) return [];
  const { undecided } = oneCall.resolver;
  const routes =
    undecided.onFailure === "reject"
      ? [refusal(503)]
      : routesOf(undecided.version).map((route) => asUndecided(route, undecided.headers));
  return [[undecidedKey(name, undecided.onFailure), onMatch(routes)]] as const;
}

const routingKeyInput = extension(headers.routingKey, HttpRequestHeaderMatchInputSchema, {
  headerName: headers.routingKey,
});

/** One route per path rule; before them the same without copies, for requests that are copies themselves. */
function routesOfVersion(objective: ObjectiveRoutes, version: VersionRoute, isShadowed: boolean): Route[] {
  const routes = version.paths.map((rule) => route(objective, version, rule));
  if (!isShadowed || version.shadows.length === 0) return routes;
  const uncopied = { ...version, shadows: [] };
  return [...version.paths.map((rule) => onlyForShadows(route(objective, uncopied, rule))), ...routes];
}

function route(objective: ObjectiveRoutes, version: VersionRoute, rule: PathRule): Route {
  return create(RouteSchema, {
    name: version.model,
    match: { pathSpecifier: { case: rule.match === "exact" ? "path" : "prefix", value: rule.path } },
    requestHeadersToAdd: version.shadows.length > 0 ? [setHeaderFormat(headers.path, "%REQ(:path)%")] : [],
    action: {
      case: "route",
      value: {
        ...placement(version),
        prefixRewrite: rule.replacement ?? "",
        timeout: duration(objective.timeoutMs),
        idleTimeout: duration(objective.idleTimeoutMs),
        requestMirrorPolicies: shadowPolicies(version.shadows),
      },
    },
  });
}

function onlyForShadows(given: Route): Route {
  const match = given.match;
  if (!match) return given;
  const isShadow = create(HeaderMatcherSchema, {
    name: headers.trafficClass,
    headerMatchSpecifier: {
      case: "stringMatch",
      value: { matchPattern: { case: "exact", value: shadowTrafficClass } },
    },
  });
  return create(RouteSchema, { ...given, match: { ...match, headers: [isShadow] } });
}

function asFallback(given: Route): Route {
  const responseHeadersToAdd = [...given.responseHeadersToAdd, setHeader(headers.fallback, "unknown-key")];
  return create(RouteSchema, { ...given, responseHeadersToAdd });
}

/** The body is written by the listener's local replies. */
function refusal(status: number): Route {
  return create(RouteSchema, {
    match: { pathSpecifier: { case: "prefix", value: "/" } },
    action: {
      case: "directResponse",
      value: { status, body: create(DataSourceSchema, { specifier: { case: "inlineString", value: "" } }) },
    },
  });
}

function onMatch(routes: readonly Route[]) {
  const [only, ...others] = routes;
  const typedConfig: Any =
    only && others.length === 0 ? any(RouteSchema, only) : any(RouteListSchema, { routes: [...routes] });
  return { onMatch: { case: "action" as const, value: { name: "route", typedConfig } } };
}
