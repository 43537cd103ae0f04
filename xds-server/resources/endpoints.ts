import { create } from "@bufbuild/protobuf";
import {
  type ClusterLoadAssignment,
  ClusterLoadAssignmentSchema,
} from "../../proto/gen/envoy/config/endpoint/v3/endpoint_pb.js";
import type { ShardCluster } from "../routing/routing-table.ts";

/** The hosts of a shard: fixed addresses, or the one name that Envoy resolves by itself. */
export function clusterLoadAssignment({ name, spec }: ShardCluster): ClusterLoadAssignment {
  const hosts = spec.dns ? [{ address: spec.dns.hostname, port: spec.dns.port, weight: 1 }] : (spec.endpoints ?? []);
  const lbEndpoints = hosts.map(({ address, port, weight }) => ({
    loadBalancingWeight: weight,
    hostIdentifier: {
      case: "endpoint" as const,
      value: {
        address: {
          address: {
            case: "socketAddress" as const,
            value: { address, portSpecifier: { case: "portValue" as const, value: port } },
          },
        },
      },
    },
  }));
  return create(ClusterLoadAssignmentSchema, { clusterName: name, endpoints: [{ lbEndpoints }] });
}
