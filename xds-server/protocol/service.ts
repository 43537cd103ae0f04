import type { MethodDefinition, ServiceDefinition } from "@grpc/grpc-js";
import { typeUrls } from "./type-urls.ts";
import { type DeltaRequest, decodeDeltaRequest, decodeSotwRequest, type SotwRequest } from "./wire.ts";

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

/** The gRPC definition of a service. Responses are ready bytes, so their serializer hands them through. */
export function definitionOf(service: DiscoveryService): ServiceDefinition {
  return {
    [service.sotwMethod]: bidirectional<SotwRequest>(service.name, service.sotwMethod, decodeSotwRequest),
    [service.deltaMethod]: bidirectional<DeltaRequest>(service.name, service.deltaMethod, decodeDeltaRequest),
  };
}

function bidirectional<Request>(
  serviceName: string,
  method: string,
  decode: (bytes: Uint8Array) => Request,
): MethodDefinition<Request, Buffer> {
  return {
    path: `/${serviceName}/${method}`,
    originalName: method,
    requestStream: true,
    responseStream: true,
    requestSerialize: () => {
      throw new Error(`${method} is served, not called`);
    },
    requestDeserialize: decode,
    responseSerialize: (bytes) => bytes,
    responseDeserialize: (bytes) => bytes,
  };
}
