import type { MethodDefinition, ServiceDefinition } from "@grpc/grpc-js";
import { typeUrls } from "./type-urls.ts";

/** One discovery service: its methods' names, and its only type when it is not the aggregated one. */
export type DiscoveryService = {
  readonly name: string;
  readonly onlyType: string | undefined;
  readonly sotwMethod: string;
  readonly deltaMethod: string;
};

const aggregated = "envoy.service.discovery.v3.AggregatedDiscoveryService";

/** All discovery services of the protocol, the aggregated one first. */
export const discoveryServices: readonly DiscoveryService[] = [
  service(aggregated, "AggregatedResources", undefined),
  service("envoy.service.cluster.v3.ClusterDiscoveryService", "Clusters", typeUrls.cluster),
  service("envoy.service.endpoint.v3.EndpointDiscoveryService", "Endpoints", typeUrls.endpoint),
  service("envoy.service.listener.v3.ListenerDiscoveryService", "Listeners", typeUrls.listener),
  service("envoy.service.route.v3.RouteDiscoveryService", "Routes", typeUrls.route),
  service("envoy.service.route.v3.ScopedRoutesDiscoveryService", "ScopedRoutes", typeUrls.scopedRoute),
  service("envoy.service.secret.v3.SecretDiscoveryService", "Secrets", typeUrls.secret),
  service("envoy.service.runtime.v3.RuntimeDiscoveryService", "Runtime", typeUrls.runtime),
  service("envoy.service.extension.v3.ExtensionConfigDiscoveryService", "ExtensionConfigs", typeUrls.extension),
];

function service(name: string, resources: string, onlyType: string | undefined): DiscoveryService {
  return { name, onlyType, sotwMethod: `Stream${resources}`, deltaMethod: `Delta${resources}` };
}

/** The gRPC definition of a service. Requests are bytes, decoded elsewhere; responses go around grpc-js (`writeMessage`). */
export function definitionOf(service: DiscoveryService): ServiceDefinition {
  return {
    [service.sotwMethod]: bidirectional(service.name, service.sotwMethod),
    [service.deltaMethod]: bidirectional(service.name, service.deltaMethod),
  };
}

function bidirectional(serviceName: string, method: string): MethodDefinition<Buffer, unknown> {
  return {
    path: `/${serviceName}/${method}`,
    originalName: method,
    requestStream: true,
    responseStream: true,
    requestSerialize: (bytes) => bytes,
    requestDeserialize: (bytes) => bytes,
    responseSerialize: () => unused(`responses of ${method} are written around it`),
    responseDeserialize: () => unused(`${method} is served, not called`),
  };
}

function unused(why: string): never {
  throw new Error(why);
}
