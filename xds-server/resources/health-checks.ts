import { create } from "@bufbuild/protobuf";
import type { Shard } from "../../config/documents/shard.ts";
import {
  type HealthCheck,
  HealthCheck_GrpcHealthCheckSchema,
  HealthCheck_HttpHealthCheckSchema,
  HealthCheck_TcpHealthCheckSchema,
  HealthCheckSchema,
} from "../../proto/gen/envoy/config/core/v3/health_check_pb.js";
import { CodecClientType } from "../../proto/gen/envoy/type/v3/http_pb.js";
import type { ShardCluster } from "../routing/routing-table.ts";
import { duration } from "./proto.ts";
import { hostNameOf } from "./upstream-tls.ts";

/**
 * Active health checks, none when the document has none: of a path, by the gRPC health protocol, or, when an HTTP shard
 * names no path, of the connection alone.
 */
export function healthChecks({ name, spec }: ShardCluster): HealthCheck[] {
  const { healthCheck } = spec;
  if (!healthCheck) return [];
  const interval = duration(healthCheck.intervalMs);
  return [
    create(HealthCheckSchema, {
      timeout: duration(healthCheck.timeoutMs),
      interval,
      intervalJitterPercent: 10,
      // Without it, a shard that has no traffic is looked at once a minute.
      noTrafficInterval: interval,
      unhealthyThreshold: healthCheck.unhealthyThreshold,
      healthyThreshold: healthCheck.healthyThreshold,
      healthChecker: healthChecker(spec, healthCheck, hostNameOf(spec) ?? name.replace("/", ".")),
    }),
  ];
}

/** `host`: what the check asks for; a cluster's own name, the default, is no valid host name. */
function healthChecker(
  spec: Shard["spec"],
  check: NonNullable<Shard["spec"]["healthCheck"]>,
  host: string,
): HealthCheck["healthChecker"] {
  if (spec.protocol === "grpc") {
    const value = create(HealthCheck_GrpcHealthCheckSchema, { serviceName: check.grpcService, authority: host });
    return { case: "grpcHealthCheck", value };
  }
  if (check.path === undefined) return { case: "tcpHealthCheck", value: create(HealthCheck_TcpHealthCheckSchema) };
  const codecClientType = spec.protocol === "http2" ? CodecClientType.HTTP2 : CodecClientType.HTTP1;
  const value = create(HealthCheck_HttpHealthCheckSchema, { host, path: check.path, codecClientType });
  return { case: "httpHealthCheck", value };
}
