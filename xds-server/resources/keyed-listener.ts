import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Listener, ListenerSchema } from "../../proto/gen/envoy/config/listener/v3/listener_pb.js";
import {
  type HttpConnectionManager,
  HttpConnectionManager_PathWithEscapedSlashesAction,
  HttpConnectionManagerSchema,
} from "../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { AccessLogTarget } from "./access-log.ts";
import { headers } from "./headers.ts";
import { connectionManager } from "./http-connection-manager.ts";
import { duration, extensionChoice } from "./proto.ts";

export type KeyedListenerSettings = {
  readonly address: string;
  readonly port: number;
  readonly accessLog: AccessLogTarget;
};

export const keyedListenerName = "keyed";

/** How much a connection may hold on its way through Envoy, either direction. A window, not a limit of the body. */
export const connectionBufferBytes = 1024 * 1024;

/** Where clients send requests that carry a routing key: HTTP/1.1 and HTTP/2 without TLS, gRPC included. */
export function keyedListener({ address, port, accessLog }: KeyedListenerSettings): Listener {
  return clientListener(
    keyedListenerName,
    { address, port },
    connectionManager("keyed", accessLog, { stripped: [headers.model] }),
  );
}

/** A listener for clients, which are not trusted: the limits and time limits that hold for all of them. */
export function clientListener(
  name: string,
  { address, port }: Pick<KeyedListenerSettings, "address" | "port">,
  shared: Exclude<MessageInitShape<typeof HttpConnectionManagerSchema>, HttpConnectionManager>,
): Listener {
  const manager = create(HttpConnectionManagerSchema, {
    ...shared,
    // The client's address is the connection's, and nobody counts as internal: an x-envoy-* header of a client, which
    // could add retries or timeouts, is dropped. An empty list would mean the private networks, so it names no client.
    useRemoteAddress: true,
    internalAddressConfig: { cidrRanges: [{ addressPrefix: "255.255.255.255", prefixLen: 32 }] },
    preserveExternalRequestId: true,
    alwaysSetRequestIdInResponse: true,
    maxRequestHeadersKb: 32,
    commonHttpProtocolOptions: { maxHeadersCount: 100, idleTimeout: duration(3_600_000) },
    http2ProtocolOptions: {
      maxConcurrentStreams: 1024,
      initialStreamWindowSize: connectionBufferBytes,
      initialConnectionWindowSize: 4 * connectionBufferBytes,
      connectionKeepalive: { interval: duration(30_000), timeout: duration(10_000) },
    },
    requestHeadersTimeout: duration(10_000),
    // Of a request whose route is not known: the routes of a lazy objective are not there and do not come. The route's
    // own idle timeout takes over.
    streamIdleTimeout: duration(5000),
    // `/..%2f..%2f8/infer` must not become the path of another model version at a server that decodes it.
    pathWithEscapedSlashesAction: HttpConnectionManager_PathWithEscapedSlashesAction.REJECT_REQUEST,
  });
  return create(ListenerSchema, {
    name,
    address: {
      address: {
        case: "socketAddress",
        value: { address, portSpecifier: { case: "portValue", value: port } },
      },
    },
    perConnectionBufferLimitBytes: connectionBufferBytes,
    filterChains: [
      {
        name,
        filters: [
          extensionChoice("envoy.filters.network.http_connection_manager", HttpConnectionManagerSchema, manager),
        ],
      },
    ],
  });
}
