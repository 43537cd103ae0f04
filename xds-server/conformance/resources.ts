import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { Cluster_DiscoveryType, ClusterSchema } from "../../proto/gen/envoy/config/cluster/v3/cluster_pb.js";
import { ClusterLoadAssignmentSchema } from "../../proto/gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "../../proto/gen/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "../../proto/gen/envoy/config/route/v3/route_pb.js";
import { RouterSchema } from "../../proto/gen/envoy/extensions/filters/http/router/v3/router_pb.js";
import { HttpConnectionManagerSchema } from "../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { typeUrls } from "../protocol/type-urls.ts";
import { any, duration, fromAds } from "../resources/proto.ts";

/** The name of an encoded resource: the first field of every type that is asked for by name. */
export function nameOf(body: Uint8Array): string {
  const reader = new BinaryReader(body);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1 && wireType === WireType.LengthDelimited) return reader.string();
    reader.skip(wireType, field);
  }
  return "";
}

/** A small valid resource of that name; of a type that is not made here, one with nothing but its name. */
export function madeUpResource(typeUrl: string, name: string): Uint8Array {
  switch (typeUrl) {
    case typeUrls.cluster:
      return toBinary(ClusterSchema, cluster(name));
    case typeUrls.endpoint:
      return toBinary(ClusterLoadAssignmentSchema, create(ClusterLoadAssignmentSchema, { clusterName: name }));
    case typeUrls.listener:
      return toBinary(ListenerSchema, apiListener(name));
    case typeUrls.route:
      return toBinary(RouteConfigurationSchema, create(RouteConfigurationSchema, { name }));
    default:
      return new BinaryWriter().tag(1, WireType.LengthDelimited).string(name).finish();
  }
}

/** The resource with a change that alters nothing of what it does; `variation` makes each one different. */
export function variedResource(typeUrl: string, body: Uint8Array, variation: number): Uint8Array {
  const text = `variation-${variation}`;
  switch (typeUrl) {
    case typeUrls.cluster:
      return toBinary(ClusterSchema, { ...fromBinary(ClusterSchema, body), altStatName: text });
    case typeUrls.endpoint: {
      const message = fromBinary(ClusterLoadAssignmentSchema, body);
      const policy = create(ClusterLoadAssignmentSchema, {
        policy: { overprovisioningFactor: 140 + variation },
      }).policy;
      return toBinary(ClusterLoadAssignmentSchema, { ...message, policy });
    }
    case typeUrls.listener:
      return toBinary(ListenerSchema, { ...fromBinary(ListenerSchema, body), statPrefix: text });
    case typeUrls.route: {
      const message = fromBinary(RouteConfigurationSchema, body);
      return toBinary(RouteConfigurationSchema, { ...message, responseHeadersToRemove: [`x-${text}`] });
    }
    default:
      return Uint8Array.from(body);
  }
}

function cluster(name: string) {
  return create(ClusterSchema, {
    name,
    clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { edsConfig: fromAds() },
    connectTimeout: duration(5000),
  });
}

/** A listener that opens no port. */
function apiListener(name: string) {
  return create(ListenerSchema, {
    name,
    apiListener: {
      apiListener: any(HttpConnectionManagerSchema, {
        statPrefix: name,
        routeSpecifier: { case: "rds", value: { configSource: fromAds(), routeConfigName: name } },
        httpFilters: [{ name: "router", configType: { case: "typedConfig", value: any(RouterSchema, {}) } }],
      }),
    },
  });
}
