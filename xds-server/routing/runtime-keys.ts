import type { RoutingKeyParts } from "../../selection/routing-key.ts";

/**
 * The prefix of the Envoy runtime keys that hold the weights of a placement,
 * `signalbox.placement.<namespace>.<model>@<version>`. The key of one shard is the prefix, a dot and its cluster:
 * `signalbox.placement.default.ranker@7.default/gpu-a`. It counts in every objective that serves the version.
 */
export function placementRuntimeKey(parts: Omit<RoutingKeyParts, "objective">): string {
  return `signalbox.placement.${parts.namespace}.${parts.model}@${parts.version}`;
}

/**
 * The Envoy runtime key of a shadow's share, `signalbox.shadow.<namespace>.<objective>.<model>@<version>`: a whole
 * number of per cent of the requests, whatever the denominator of the published share. Envoy 1.40 cuts fractions off, and
 * takes more than 100 for all.
 */
export function shadowRuntimeKey(parts: RoutingKeyParts): string {
  return `signalbox.shadow.${parts.namespace}.${parts.objective}.${parts.model}@${parts.version}`;
}
