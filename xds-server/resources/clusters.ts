import { create } from "@bufbuild/protobuf";
import type { Shard } from "../../config/documents/shard.ts";
import {
  type Cluster,
  Cluster_DiscoveryType,
  ClusterSchema,
} from "../../proto/gen/envoy/config/cluster/v3/cluster_pb.js";
import { DnsLookupFamily } from "../../proto/gen/envoy/extensions/clusters/common/dns/v3/dns_pb.js";
import { DnsClusterSchema } from "../../proto/gen/envoy/extensions/clusters/dns/v3/dns_cluster_pb.js";
import { LeastRequestSchema } from "../../proto/gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.js";
import { RoundRobinSchema } from "../../proto/gen/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.js";
import type { ShardCluster } from "../routing/routing-table.ts";
import { clusterLoadAssignment, endpointsName } from "./endpoints.ts";
import { healthChecks } from "./health-checks.ts";
import { connectionBufferBytes } from "./keyed-listener.ts";
import { outlierDetection } from "./outlier-detection.ts";
import { duration, extension, fromAds } from "./proto.ts";
import { httpProtocolOptions, httpProtocolOptionsName } from "./upstream-http.ts";
import { transportSocket } from "./upstream-tls.ts";

/** The cluster of a shard. Its fixed hosts come as endpoints of their own, so that a changed host changes no cluster. */
export function cluster(shard: ShardCluster): Cluster {
  const { name, spec } = shard;
  return create(ClusterSchema, {
    name,
    ...discovery(shard),
    connectTimeout: duration(spec.connectTimeoutMs),
    perConnectionBufferLimitBytes: connectionBufferBytes,
    // A client takes the first that it knows: gRPC clients know no least-request.
    loadBalancingPolicy: {
      policies: [{ typedExtensionConfig: leastRequest(spec) }, { typedExtensionConfig: roundRobin }],
    },
    circuitBreakers: { thresholds: [{ ...spec.limits, trackRemaining: true }] },
    healthChecks: healthChecks(shard),
    // By default Envoy uses a host that is healthy again only a second later: when the other host of a shard goes down in
    // between, as in a rolling restart, every request fails although one host could answer.
    commonLbConfig: { updateMergeWindow: duration(100) },
    // A host that a document took away gets no more requests, even if it is still healthy.
    ignoreHealthOnHostRemoval: true,
    outlierDetection: spec.outlierDetection && outlierDetection(spec.outlierDetection),
    transportSocket: spec.tls && transportSocket(shard),
    typedExtensionProtocolOptions: { [httpProtocolOptionsName]: httpProtocolOptions(spec.protocol) },
    upstreamConnectionOptions: { tcpKeepalive: { keepaliveTime: 60, keepaliveInterval: 10, keepaliveProbes: 3 } },
  });
}

function discovery(shard: ShardCluster) {
  const { spec } = shard;
  if (spec.dns) {
    const clusterType = extension("envoy.clusters.dns", DnsClusterSchema, {
      dnsRefreshRate: duration(spec.dns.refreshMs),
      dnsLookupFamily: DnsLookupFamily.V4_PREFERRED,
    });
    return {
      clusterDiscoveryType: { case: "clusterType" as const, value: clusterType },
      loadAssignment: clusterLoadAssignment(shard),
    };
  }
  return {
    clusterDiscoveryType: { case: "type" as const, value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { edsConfig: fromAds(5000), serviceName: endpointsName(shard) },
  };
}

const roundRobin = extension("envoy.load_balancing_policies.round_robin", RoundRobinSchema, {});

function leastRequest(spec: Shard["spec"]) {
  const slowStart = spec.slowStartMs > 0 ? { slowStartWindow: duration(spec.slowStartMs) } : undefined;
  return extension("envoy.load_balancing_policies.least_request", LeastRequestSchema, { slowStartConfig: slowStart });
}
