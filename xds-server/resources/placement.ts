import type { MessageInitShape } from "@bufbuild/protobuf";
import type { RouteActionSchema } from "../../proto/gen/envoy/config/route/v3/route_components_pb.js";
import type { VersionRoute } from "../routing/routing-table.ts";

/** Where a version's requests go: its only shard, or its shards by weight, which an operator can move at run time. */
export function placement({ shards, placementRuntimeKey }: VersionRoute): MessageInitShape<typeof RouteActionSchema> {
  const [only, ...others] = shards;
  if (only && others.length === 0) return { clusterSpecifier: { case: "cluster", value: only.cluster } };
  const clusters = shards.map(({ cluster, weight }) => ({ name: cluster, weight }));
  return {
    clusterSpecifier: { case: "weightedClusters", value: { clusters, runtimeKeyPrefix: placementRuntimeKey } },
  };
}
