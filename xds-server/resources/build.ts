import { ClusterSchema } from "../../proto/gen/envoy/config/cluster/v3/cluster_pb.js";
import { ClusterLoadAssignmentSchema } from "../../proto/gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "../../proto/gen/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "../../proto/gen/envoy/config/route/v3/route_pb.js";
import { ScopedRouteConfigurationSchema } from "../../proto/gen/envoy/config/route/v3/scoped_route_pb.js";
import { RuntimeSchema } from "../../proto/gen/envoy/service/runtime/v3/rtds_pb.js";
import { resolverClusterName } from "../../selection/one-call/question.ts";
import type { ObjectiveRoutes, ShardCluster } from "../routing/routing-table.ts";
import { apiListener, apiListenerName } from "./api-listener.ts";
import { cluster } from "./clusters.ts";
import { clusterLoadAssignment, endpointsName } from "./endpoints.ts";
import { type KeyedListenerSettings, keyedListener, keyedListenerName } from "./keyed-listener.ts";
import { oneCallListener, oneCallListenerName } from "./one-call-listener.ts";
import { type ResolverAddress, resolverCluster } from "./one-call-resolver.ts";
import { type Resource, resource } from "./resource.ts";
import { routeConfiguration } from "./routes.ts";
import { runtimeLayer, runtimeLayerName } from "./runtime.ts";
import { scopedRoute } from "./scoped-routes.ts";
import { secretResources } from "./secrets.ts";
import { shadowCluster, shadowClusterName, shadowListener, shadowListenerName } from "./shadow-listener.ts";

export type CommonSettings = KeyedListenerSettings & {
  /** Where clients send requests that name an objective; nowhere when absent. */
  readonly oneCall?: { readonly port: number; readonly resolvers: readonly ResolverAddress[] };
};

/**
 * What every Envoy has, whatever the documents say: the listeners, the way of the shadows, the way to the resolvers, the
 * runtime layer.
 */
export function commonResources(settings: CommonSettings): Resource[] {
  return [
    resource(ClusterSchema, shadowClusterName, shadowCluster()),
    resource(ListenerSchema, keyedListenerName, keyedListener(settings)),
    resource(ListenerSchema, shadowListenerName, shadowListener(settings.accessLog)),
    resource(RuntimeSchema, runtimeLayerName, runtimeLayer()),
    ...oneCallResources(settings),
  ];
}

function oneCallResources({ oneCall, ...settings }: CommonSettings): Resource[] {
  if (!oneCall) return [];
  const { port, resolvers } = oneCall;
  return [
    resource(ClusterSchema, resolverClusterName, resolverCluster(resolvers)),
    resource(ListenerSchema, oneCallListenerName, oneCallListener({ ...settings, port })),
  ];
}

/** A cluster, its secrets, and its endpoints unless Envoy finds them by DNS. */
export function shardResources(shard: ShardCluster): Resource[] {
  const secrets = secretResources(shard);
  if (shard.spec.dns) return [resource(ClusterSchema, shard.name, cluster(shard)), ...secrets];
  const endpoints = endpointsName(shard);
  return [
    resource(ClusterSchema, shard.name, cluster(shard), { endpointsName: endpoints }),
    resource(ClusterLoadAssignmentSchema, endpoints, clusterLoadAssignment(shard)),
    ...secrets,
  ];
}

/**
 * The routes of an objective, and the scope that leads to them; for gRPC clients without an Envoy a listener as well, where
 * a version is open to them.
 */
export function objectiveResources(objective: ObjectiveRoutes): Resource[] {
  return [
    resource(RouteConfigurationSchema, objective.name, routeConfiguration(objective)),
    resource(ScopedRouteConfigurationSchema, objective.name, scopedRoute(objective)),
    ...(objective.versions.some((version) => version.isOpenToGrpcClients)
      ? [resource(ListenerSchema, apiListenerName(objective), apiListener(objective))]
      : []),
  ];
}
