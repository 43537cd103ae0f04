import { type DescMessage, fromJson, type JsonObject, type JsonValue, toBinary } from "@bufbuild/protobuf";
import { ClusterSchema } from "../../proto/gen/envoy/config/cluster/v3/cluster_pb.js";
import { ClusterLoadAssignmentSchema } from "../../proto/gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "../../proto/gen/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "../../proto/gen/envoy/config/route/v3/route_pb.js";
import { ScopedRouteConfigurationSchema } from "../../proto/gen/envoy/config/route/v3/scoped_route_pb.js";
import { SecretSchema } from "../../proto/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { RuntimeSchema } from "../../proto/gen/envoy/service/runtime/v3/rtds_pb.js";
import { registry } from "../../proto/registry.ts";
import type { ResourceChange } from "../../xds-server/protocol/group.ts";
import { typeUrls } from "../../xds-server/protocol/type-urls.ts";

/** The smallest resources with which an Envoy routes: what a test of the protocol layer gives to a real Envoy. */
function change(typeUrl: string, name: string, schema: DescMessage, json: JsonValue): ResourceChange {
  const bytes = toBinary(schema, fromJson(schema, json, { registry }));
  return { typeUrl, name, resource: { bytes } };
}

/**
 * The way of every type to the server. What was never answered is waited for without end, so that an Envoy that comes to be
 * ready, or a cluster to be warm, has been answered.
 */
const ads = { ads: {}, resourceApiVersion: "V3", initialFetchTimeout: "0s" };

/** The way of a type to the server by a service of its own, in the place of ADS; see `servicesBootstrap`. */
export function serviceSource(apiType: "DELTA_GRPC" | "GRPC"): JsonObject {
  return { apiConfigSource: apiConfigSource(apiType), resourceApiVersion: "V3", initialFetchTimeout: "0s" };
}

function apiConfigSource(apiType: "DELTA_GRPC" | "GRPC"): JsonObject {
  const retryPolicy = { retryBackOff: { baseInterval: "0.1s", maxInterval: "0.5s" } };
  const grpcServices = [{ envoyGrpc: { clusterName: "xds", retryPolicy } }];
  return { apiType, transportApiVersion: "V3", setNodeOnFirstMessageOnly: true, grpcServices };
}

/** An EDS cluster; `more` is merged into it. */
export function clusterResource(name: string, more: Readonly<Record<string, JsonValue>> = {}): ResourceChange {
  return change(typeUrls.cluster, name, ClusterSchema, {
    ...{ name, type: "EDS", connectTimeout: "1s", edsClusterConfig: { edsConfig: ads } },
    ...more,
  });
}

/** The endpoints of a cluster: one port of 127.0.0.1. */
export function endpointResource(name: string, port: number): ResourceChange {
  const address = { socketAddress: { address: "127.0.0.1", portValue: port } };
  return change(typeUrls.endpoint, name, ClusterLoadAssignmentSchema, {
    clusterName: name,
    endpoints: [{ lbEndpoints: [{ endpoint: { address } }] }],
  });
}

/**
 * A listener on 127.0.0.1:`port`; its routes come by RDS under `routeName`, or by SRDS with the scope key in `x-scope`; over ADS
 * unless there is another `source`.
 */
export function listenerResource(
  name: string,
  port: number,
  routeName?: string,
  source: JsonObject = ads,
): ResourceChange {
  const scopedRoutes = {
    name: "scopes",
    scopeKeyBuilder: { fragments: [{ headerValueExtractor: { name: "x-scope", index: 0 } }] },
    rdsConfigSource: source,
    scopedRds: { scopedRdsConfigSource: source },
  };
  const connectionManager: JsonValue = {
    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    statPrefix: "test",
    ...(routeName === undefined ? { scopedRoutes } : { rds: { routeConfigName: routeName, configSource: source } }),
    httpFilters: [
      {
        name: "envoy.filters.http.router",
        typedConfig: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
      },
    ],
  };
  return change(typeUrls.listener, name, ListenerSchema, {
    name,
    address: { socketAddress: { address: "127.0.0.1", portValue: port } },
    filterChains: [
      { filters: [{ name: "envoy.filters.network.http_connection_manager", typedConfig: connectionManager }] },
    ],
  });
}

/** Sends everything to one cluster. */
export function routeResource(name: string, cluster: string): ResourceChange {
  return change(typeUrls.route, name, RouteConfigurationSchema, {
    name,
    virtualHosts: [{ name, domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster } }] }],
  });
}

/** The scope `x-scope: <name>` with the routes of the same name. */
export function scopeResource(name: string): ResourceChange {
  return change(typeUrls.scopedRoute, name, ScopedRouteConfigurationSchema, {
    name,
    routeConfigurationName: name,
    key: { fragments: [{ stringKey: name }] },
  });
}

/** A runtime layer, which lives for `ttlMs` after the last word of it when that is given. */
export function runtimeResource(
  name: string,
  layer: Readonly<Record<string, JsonValue>>,
  ttlMs?: number,
): ResourceChange {
  const made = change(typeUrls.runtime, name, RuntimeSchema, { name, layer });
  return made.resource && ttlMs !== undefined ? { ...made, resource: { ...made.resource, ttlMs } } : made;
}

/** A secret with the authorities that Envoy trusts, in PEM. */
export function caSecretResource(name: string, pem: string): ResourceChange {
  const inlineBytes = Buffer.from(pem).toString("base64");
  return change(typeUrls.secret, name, SecretSchema, { name, validationContext: { trustedCa: { inlineBytes } } });
}

export function removal(typeUrl: string, name: string): ResourceChange {
  return { typeUrl, name, resource: null };
}

/** A bootstrap that takes everything over ADS from `xdsPort`, one RTDS layer included. */
export function adsBootstrap(
  apiType: "DELTA_GRPC" | "GRPC",
  xdsPort: number,
  adminPort: number,
  nodeId = "envoy",
): string {
  return bootstrap({ xdsPort, adminPort, nodeId, source: ads, more: { adsConfig: apiConfigSource(apiType) } });
}

/** A bootstrap that takes each type over a service of its own from `xdsPort`, one RTDS layer included. */
export function servicesBootstrap(apiType: "DELTA_GRPC" | "GRPC", xdsPort: number, adminPort: number): string {
  return bootstrap({ xdsPort, adminPort, nodeId: "envoy", source: serviceSource(apiType), more: {} });
}

type BootstrapParts = {
  readonly xdsPort: number;
  readonly adminPort: number;
  readonly nodeId: string;
  /** Where clusters, listeners and the layer come from. */
  readonly source: JsonObject;
  readonly more: JsonObject;
};

function bootstrap({ xdsPort, adminPort, nodeId, source, more }: BootstrapParts): string {
  const socket = (port: number) => ({ socket_address: { address: "127.0.0.1", port_value: port } });
  return JSON.stringify({
    node: { id: nodeId, cluster: "test-cluster" },
    admin: { address: socket(adminPort) },
    layered_runtime: {
      layers: [
        { name: "static", static_layer: { "re2.max_program_size.error_level": 1000 } },
        { name: "rtds", rtds_layer: { name: "rtds", rtds_config: source } },
        { name: "admin", admin_layer: {} },
      ],
    },
    dynamic_resources: { ...more, cds_config: source, lds_config: source },
    static_resources: {
      clusters: [
        {
          name: "xds",
          type: "STATIC",
          connect_timeout: "1s",
          typed_extension_protocol_options: {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
              "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
          load_assignment: {
            cluster_name: "xds",
            endpoints: [{ lb_endpoints: [{ endpoint: { address: socket(xdsPort) } }] }],
          },
        },
      ],
    },
  });
}
