import { typeUrls } from "../protocol/type-urls.ts";
import type { Node } from "../protocol/wire.ts";
import type { Resource } from "../resources/resource.ts";
import type { AudienceGroup } from "./publisher.ts";

/** The node group of the Envoys. */
export const envoyGroup = "envoys";

/** The node group of gRPC clients that are xDS clients themselves. */
export const grpcGroup = "grpc-clients";

/** The group of a node, by what it says it is: every gRPC library calls itself `gRPC ...`. */
export function groupOf({ userAgentName }: Node): string {
  return userAgentName.startsWith("gRPC") ? grpcGroup : envoyGroup;
}

const { cluster, endpoint, listener } = typeUrls;

/**
 * Who gets what. The listeners that come from documents are those of gRPC clients; Envoy, which asks for all listeners, would
 * log a warning for each. What both get are the same bytes.
 */
export function audiences(envoyResources: readonly Resource[]): AudienceGroup[] {
  return [
    { name: envoyGroup, common: envoyResources, gets: (typeUrl) => typeUrl !== listener },
    { name: grpcGroup, common: [], gets: (typeUrl) => [cluster, endpoint, listener].some((each) => each === typeUrl) },
  ];
}
