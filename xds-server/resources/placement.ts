import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HeaderValueOption } from "../../proto/gen/envoy/config/core/v3/base_pb.js";
import type { RouteActionSchema } from "../../proto/gen/envoy/config/route/v3/route_components_pb.js";
import type { VersionRoute } from "../routing/routing-table.ts";
import { headers } from "./headers.ts";
import { setHeader } from "./proto.ts";

export type Placement = {
  readonly action: MessageInitShape<typeof RouteActionSchema>;
  /** What the route itself has to add; several shards each add their own. */
  readonly responseHeaders: readonly HeaderValueOption[];
};

/** Where a version's requests go: its only shard, or its shards by weight, which an operator can move at run time. */
export function placement({ shards, placementRuntimeKey }: VersionRoute): Placement {
  const [only, ...others] = shards;
  if (only && others.length === 0) {
    return {
      action: { clusterSpecifier: { case: "cluster", value: only.cluster } },
      responseHeaders: [setHeader(headers.shard, only.cluster)],
    };
  }
  const clusters = shards.map(({ cluster, weight }) => ({
    name: cluster,
    weight,
    responseHeadersToAdd: [setHeader(headers.shard, cluster)],
  }));
  const value = { clusters, runtimeKeyPrefix: placementRuntimeKey };
  return { action: { clusterSpecifier: { case: "weightedClusters", value } }, responseHeaders: [] };
}
