import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type Cluster,
  Cluster_DiscoveryType,
  Cluster_LbPolicy,
  ClusterSchema,
} from "../../proto/gen/envoy/config/cluster/v3/cluster_pb.js";
import type { RetryPolicySchema } from "../../proto/gen/envoy/config/core/v3/base_pb.js";
import { ApiVersion } from "../../proto/gen/envoy/config/core/v3/config_source_pb.js";
import {
  ExtAuthzSchema,
  type HttpServiceSchema,
} from "../../proto/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js";
import type { HttpFilterSchema } from "../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { askingMetadata, oneCallPath, resolverClusterName } from "../../selection/one-call/question.ts";
import { headers } from "./headers.ts";
import { duration, extensionChoice } from "./proto.ts";
import { hostSelectionAttempts, otherHosts } from "./retries.ts";
import { httpProtocolOptions, httpProtocolOptionsName } from "./upstream-http.ts";

/** A resolver's HTTP address, such as `127.0.0.1:7070`. */
export type ResolverAddress = { readonly host: string; readonly port: number };

/** How long the filter may take when the objective does not say otherwise. */
export const defaultResolverTimeoutMs = 50;

/** The filter that asks the resolvers; it is off but for objectives that need it. */
export const resolverFilterName = "signalbox.resolver";

/**
 * Asks for what the program of an objective has not got decided by a single question. A request goes on without an answer, with
 * the routing key that the program has set for that.
 */
export function resolverFilter(): MessageInitShape<typeof HttpFilterSchema> {
  return {
    ...extensionChoice(resolverFilterName, ExtAuthzSchema, {
      services: { case: "httpService", value: resolverService(defaultResolverTimeoutMs) },
      transportApiVersion: ApiVersion.V3,
      failureModeAllow: true,
      clearRouteCache: true,
      filterEnabledMetadata: {
        filter: askingMetadata.namespace,
        path: [{ segment: { case: "key", value: askingMetadata.key } }],
        value: { matchPattern: { case: "boolMatch", value: true } },
      },
      allowedHeaders: {
        patterns: [
          // Objective, override, traffic class, client and context. Few patterns, because Envoy tries each with each header.
          { matchPattern: { case: "prefix", value: "x-signalbox-" } },
          ...["baggage", "traceparent", "tracestate"].map(exactly),
        ],
      },
    }),
    disabled: true,
  };
}

/** `authorization` is among the headers that are always sent; the body never is. */
export function resolverService(timeoutMs: number): MessageInitShape<typeof HttpServiceSchema> {
  return {
    serverUri: {
      uri: `http://${resolverClusterName}`,
      httpUpstreamType: { case: "cluster", value: resolverClusterName },
      timeout: duration(timeoutMs),
    },
    pathPrefix: oneCallPath,
    retryPolicy: retryElsewhere(timeoutMs),
    authorizationResponse: {
      allowedUpstreamHeaders: {
        patterns: [headers.routingKey, headers.config, headers.decision].map(exactly),
      },
      allowedClientHeaders: { patterns: [exactly("content-type")] },
    },
  };
}

/**
 * A decision is asked for anywhere, and as often as need be, within the one time limit: of a resolver that was killed, or has no
 * documents yet, another one's word counts. One that is silent may take half of the time, so that another has the rest. An older
 * Envoy than 1.37 passes it over.
 */
function retryElsewhere(timeoutMs: number): MessageInitShape<typeof RetryPolicySchema> {
  return {
    retryOn: "connect-failure,refused-stream,reset,5xx",
    numRetries: 2,
    // For ext_authz, Envoy takes the longest pause for the time limit of each attempt as well; two retries never pause that long.
    retryBackOff: { baseInterval: duration(1), maxInterval: duration(Math.ceil(timeoutMs / 2)) },
    retryHostPredicate: [otherHosts],
    hostSelectionRetryMaxAttempts: hostSelectionAttempts,
  };
}

function exactly(name: string) {
  return { matchPattern: { case: "exact" as const, value: name } };
}

/** The resolvers. One that fails is left out for a while; when all of them fail, all are tried. */
export function resolverCluster(resolvers: readonly ResolverAddress[]): Cluster {
  return create(ClusterSchema, {
    name: resolverClusterName,
    clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.STRICT_DNS },
    connectTimeout: duration(1000),
    lbPolicy: Cluster_LbPolicy.LEAST_REQUEST,
    typedExtensionProtocolOptions: { [httpProtocolOptionsName]: httpProtocolOptions("http1") },
    circuitBreakers: { thresholds: [{ maxConnections: 1024, maxPendingRequests: 4096, maxRequests: 4096 }] },
    outlierDetection: {
      consecutive5xx: 5,
      interval: duration(1000),
      baseEjectionTime: duration(2000),
      maxEjectionTime: duration(2000),
      maxEjectionPercent: 100,
    },
    loadAssignment: {
      clusterName: resolverClusterName,
      endpoints: [
        {
          lbEndpoints: resolvers.map(({ host, port }) => ({
            hostIdentifier: {
              case: "endpoint" as const,
              value: {
                address: {
                  address: {
                    case: "socketAddress" as const,
                    value: { address: host, portSpecifier: { case: "portValue" as const, value: port } },
                  },
                },
              },
            },
          })),
        },
      ],
    },
  });
}
