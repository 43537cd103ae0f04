import { create } from "@bufbuild/protobuf";
import {
  type ClusterLoadAssignment,
  ClusterLoadAssignmentSchema,
} from "../../proto/gen/envoy/config/endpoint/v3/endpoint_pb.js";
import type { ShardCluster } from "../routing/routing-table.ts";

/**
 * The name of a shard's endpoints: the shard and how its hosts are spoken to, such as `default/gpu-a/http2`. While a changed
 * cluster warms, the old one serves and still follows the endpoints that it asked for: under one name, hosts that came
 * together with another protocol would be spoken to in the old one.
 */
export function endpointsName({ name, spec }: ShardCluster): string {
  return [name, spec.protocol, ...(spec.tls ? wordsOf(spec.tls) : [])].join("/");
}

function wordsOf({ serverName = "", caFile, caSecret, clientSecret }: NonNullable<ShardCluster["spec"]["tls"]>) {
  return ["tls", serverName, caFile ?? caSecret ?? "", ...(clientSecret === undefined ? [] : [clientSecret])];
}

/**
 * The hosts of a shard: fixed addresses, or the one name that Envoy resolves by itself. Unchecked, Envoy takes all
 * of them as healthy until it hears otherwise, so that a cluster that is new to it is ready at once.
 */
export function clusterLoadAssignment(shard: ShardCluster): ClusterLoadAssignment {
  const { name, spec } = shard;
  const hosts = spec.dns ? [{ address: spec.dns.hostname, port: spec.dns.port, weight: 1 }] : (spec.endpoints ?? []);
  const lbEndpoints = hosts.map(({ address, port, weight }) => ({
    loadBalancingWeight: weight,
    hostIdentifier: {
      case: "endpoint" as const,
      value: {
        ...(shard.isUnchecked ? { healthCheckConfig: { disableActiveHealthCheck: true } } : {}),
        address: {
          address: {
            case: "socketAddress" as const,
            value: { address, portSpecifier: { case: "portValue" as const, value: port } },
          },
        },
      },
    },
  }));
  return create(ClusterLoadAssignmentSchema, {
    clusterName: spec.dns ? name : endpointsName(shard),
    // gRPC clients skip endpoints without a locality and its weight.
    endpoints: [{ locality: {}, loadBalancingWeight: 1, lbEndpoints }],
  });
}
