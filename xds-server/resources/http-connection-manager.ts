import { RouterSchema } from "../../proto/gen/envoy/extensions/filters/http/router/v3/router_pb.js";
import { HttpConnectionManager_CodecType } from "../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { type AccessLogTarget, accessLog } from "./access-log.ts";
import { headers } from "./headers.ts";
import { localReplyConfig } from "./local-reply.ts";
import { extensionChoice, fromAds } from "./proto.ts";

/**
 * What the listeners share: the scoped routes, the errors, the log. The router is the last filter of each. The scope is the
 * first two parts of the header `scopeHeader`: the namespace and the objective.
 */
export function connectionManager(
  statPrefix: string,
  accessLogTarget: AccessLogTarget,
  scopeHeader: string = headers.routingKey,
) {
  return {
    statPrefix,
    codecType: HttpConnectionManager_CodecType.AUTO,
    routeSpecifier: { case: "scopedRoutes" as const, value: scopedRoutes(scopeHeader) },
    accessLog: accessLog(accessLogTarget),
    localReplyConfig: localReplyConfig(),
    serverName: "signalbox",
    normalizePath: true,
    httpFilters: [extensionChoice("envoy.filters.http.router", RouterSchema, { suppressEnvoyHeaders: true })],
  };
}

function scopedRoutes(header: string) {
  const fragment = (index: number) => ({
    type: {
      case: "headerValueExtractor" as const,
      value: { name: header, elementSeparator: "/", extractType: { case: "index" as const, value: index } },
    },
  });
  return {
    name: "signalbox",
    scopeKeyBuilder: { fragments: [fragment(0), fragment(1)] },
    rdsConfigSource: fromAds(),
    configSpecifier: { case: "scopedRds" as const, value: { scopedRdsConfigSource: fromAds() } },
  };
}
