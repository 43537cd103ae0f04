import { RouterSchema } from "../../proto/gen/envoy/extensions/filters/http/router/v3/router_pb.js";
import { HttpConnectionManager_CodecType } from "../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { type AccessLogTarget, accessLog } from "./access-log.ts";
import { headers } from "./headers.ts";
import { localReplyConfig } from "./local-reply.ts";
import { extensionChoice, fromAds } from "./proto.ts";

/** What both listeners share: the scoped routes, the errors, the log. The router is the last filter of each. */
export function connectionManager(statPrefix: string, accessLogTarget: AccessLogTarget) {
  return {
    statPrefix,
    codecType: HttpConnectionManager_CodecType.AUTO,
    routeSpecifier: { case: "scopedRoutes" as const, value: scopedRoutes },
    accessLog: accessLog(accessLogTarget),
    localReplyConfig: localReplyConfig(),
    serverName: "signalbox",
    normalizePath: true,
    httpFilters: [extensionChoice("envoy.filters.http.router", RouterSchema, { suppressEnvoyHeaders: true })],
  };
}

const fragment = (index: number) => ({
  type: {
    case: "headerValueExtractor" as const,
    value: {
      name: headers.routingKey,
      elementSeparator: "/",
      extractType: { case: "index" as const, value: index },
    },
  },
});

/** The scope is the namespace and the objective: the first two parts of the routing key. */
const scopedRoutes = {
  name: "signalbox",
  scopeKeyBuilder: { fragments: [fragment(0), fragment(1)] },
  rdsConfigSource: fromAds(),
  configSpecifier: { case: "scopedRds" as const, value: { scopedRdsConfigSource: fromAds() } },
};
