import { typeUrls } from "../protocol/type-urls.ts";
import type { Resource } from "../resources/resource.ts";
import { type Audience, everything, groupName } from "./view-selector.ts";

/** A kind of client of the xDS server, and what of the resources it gets. */
export type AudienceGroup = {
  readonly name: Audience;
  /** What it has whatever the documents say; part of the first commit. */
  readonly common: readonly Resource[];
  /** Whether it gets resources of this type that come from documents. */
  gets(typeUrl: string): boolean;
};

/** The node group of the Envoys that are served everything. */
export const envoyGroup = groupName(everything("envoys"));

const { cluster, endpoint, listener } = typeUrls;

/**
 * Who gets what. The listeners that come from documents are those of gRPC clients; Envoy, which asks for all listeners, would
 * log a warning for each. What both get are the same bytes.
 */
export function audiences(envoyResources: readonly Resource[]): AudienceGroup[] {
  return [
    { name: "envoys", common: envoyResources, gets: (typeUrl) => typeUrl !== listener },
    {
      name: "grpc-clients",
      common: [],
      gets: (typeUrl) => [cluster, endpoint, listener].some((each) => each === typeUrl),
    },
  ];
}
