import type { MessageInitShape } from "@bufbuild/protobuf";
import { OnDemandSchema } from "../../proto/gen/envoy/extensions/filters/http/on_demand/v3/on_demand_pb.js";
import { RouterSchema } from "../../proto/gen/envoy/extensions/filters/http/router/v3/router_pb.js";
import {
  HttpConnectionManager_CodecType,
  type HttpFilterSchema,
} from "../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { HeaderMutationSchema } from "../../proto/gen/envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation_pb.js";
import { type AccessLogTarget, accessLog } from "./access-log.ts";
import { defaultTrafficClass, headers } from "./headers.ts";
import { localReplyConfig } from "./local-reply.ts";
import { addMissingHeader, extension, extensionChoice, fromAds } from "./proto.ts";

export type ConnectionManagerOptions = {
  /** Its first two parts are the scope: the namespace and the objective. The routing key by default. */
  readonly scopeHeader?: string;
  /** Headers that are taken away before anything looks at a request. */
  readonly stripped?: readonly string[];
  /** What a request goes through once its routes are there. */
  readonly filters?: readonly MessageInitShape<typeof HttpFilterSchema>[];
};

/** What the listeners share: the scoped routes, the traffic class of a request that has none, the errors, the log. */
export function connectionManager(
  statPrefix: string,
  accessLogTarget: AccessLogTarget,
  { scopeHeader = headers.routingKey, stripped = [], filters = [] }: ConnectionManagerOptions = {},
) {
  const trafficClass = addMissingHeader(headers.trafficClass, defaultTrafficClass);
  return {
    statPrefix,
    codecType: HttpConnectionManager_CodecType.AUTO,
    routeSpecifier: { case: "scopedRoutes" as const, value: scopedRoutes(scopeHeader) },
    accessLog: accessLog(accessLogTarget),
    localReplyConfig: localReplyConfig(),
    serverName: "signalbox",
    normalizePath: true,
    earlyHeaderMutationExtensions: [
      extension("signalbox.headers", HeaderMutationSchema, {
        mutations: [
          ...stripped.map((name) => ({ action: { case: "remove" as const, value: name } })),
          { action: { case: "append" as const, value: trafficClass } },
        ],
      }),
    ],
    httpFilters: [
      // Holds the first request for a lazy objective until its routes are there.
      extensionChoice("envoy.filters.http.on_demand", OnDemandSchema, {}),
      ...filters,
      extensionChoice("envoy.filters.http.router", RouterSchema, { suppressEnvoyHeaders: true }),
    ],
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
