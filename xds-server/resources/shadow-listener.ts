import { create } from "@bufbuild/protobuf";
import {
  type Cluster,
  Cluster_DiscoveryType,
  ClusterSchema,
} from "../../proto/gen/envoy/config/cluster/v3/cluster_pb.js";
import { type Listener, ListenerSchema } from "../../proto/gen/envoy/config/listener/v3/listener_pb.js";
import { BufferSchema } from "../../proto/gen/envoy/extensions/filters/http/buffer/v3/buffer_pb.js";
import { LuaSchema } from "../../proto/gen/envoy/extensions/filters/http/lua/v3/lua_pb.js";
import { HttpConnectionManagerSchema } from "../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { AccessLogTarget } from "./access-log.ts";
import { headers } from "./headers.ts";
import { connectionManager } from "./http-connection-manager.ts";
import { duration, extensionChoice } from "./proto.ts";

/** No shard has this name: theirs have a namespace and a slash. */
export const shadowClusterName = "signalbox_shadow";
export const shadowListenerName = "shadow";

/** A longer request is not shadowed. */
const shadowBodyBytes = 4 * 1024 * 1024;
/** Copies under way at a time; what would be more is not shadowed. With the one above, what shadows may cost in memory. */
const shadowRequests = 128;

/**
 * The path back to what the client sent: the copy has the path that was rewritten for the primary. Lua, because Envoy's
 * header mutations refuse `:path`.
 */
const restorePath = `
function envoy_on_request(handle)
  local headers = handle:headers()
  local path = headers:get("${headers.path}")
  if path then
    headers:replace(":path", path)
    headers:remove("${headers.path}")
    handle:clearRouteCache()
  end
end
`;

/**
 * A listener inside Envoy, which only Envoy itself reaches: copies of requests come here and are routed by their routing key
 * like any other, with the path, placement and log of their own. Each is read to its end before it goes on, so that a
 * shadow that does not read cannot hold up the primary.
 */
export function shadowListener(accessLog: AccessLogTarget): Listener {
  const filters = [
    extensionChoice("envoy.filters.http.lua", LuaSchema, {
      defaultSourceCode: { specifier: { case: "inlineString", value: restorePath } },
    }),
    extensionChoice("envoy.filters.http.buffer", BufferSchema, { maxRequestBytes: shadowBodyBytes }),
  ];
  const manager = create(HttpConnectionManagerSchema, {
    ...connectionManager("shadow", accessLog, { filters }),
    skipXffAppend: true,
    generateRequestId: false,
    maxRequestHeadersKb: 64,
    commonHttpProtocolOptions: { maxHeadersCount: 128, idleTimeout: duration(60_000) },
    streamIdleTimeout: duration(60_000),
  });
  return create(ListenerSchema, {
    name: shadowListenerName,
    listenerSpecifier: { case: "internalListener", value: {} },
    filterChains: [
      {
        name: shadowListenerName,
        filters: [
          extensionChoice("envoy.filters.network.http_connection_manager", HttpConnectionManagerSchema, manager),
        ],
      },
    ],
  });
}

/** The way to the shadow listener. */
export function shadowCluster(): Cluster {
  return create(ClusterSchema, {
    name: shadowClusterName,
    clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.STATIC },
    connectTimeout: duration(1000),
    circuitBreakers: {
      thresholds: [{ maxConnections: shadowRequests, maxPendingRequests: shadowRequests, maxRequests: shadowRequests }],
    },
    loadAssignment: {
      clusterName: shadowClusterName,
      endpoints: [
        {
          lbEndpoints: [
            {
              hostIdentifier: {
                case: "endpoint",
                value: {
                  address: {
                    address: {
                      case: "envoyInternalAddress",
                      value: { addressNameSpecifier: { case: "serverListenerName", value: shadowListenerName } },
                    },
                  },
                },
              },
            },
          ],
        },
      ],
    },
  });
}
