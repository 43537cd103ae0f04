import type { MessageInitShape } from "@bufbuild/protobuf";
import { HeaderMutationSchema } from "../../proto/gen/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.js";
import { OnDemandSchema } from "../../proto/gen/envoy/extensions/filters/http/on_demand/v3/on_demand_pb.js";
import { RouterSchema } from "../../proto/gen/envoy/extensions/filters/http/router/v3/router_pb.js";
import {
  HttpConnectionManager_CodecType,
  type HttpFilterSchema,
} from "../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { HeaderMutationSchema as EarlyHeaderMutationSchema } from "../../proto/gen/envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation_pb.js";
import { type AccessLogTarget, accessLog } from "./access-log.ts";
import { defaultTrafficClass, headers } from "./headers.ts";
import { localReplyConfig } from "./local-reply.ts";
import { addMissingHeader, extension, extensionChoice, fromAds, setHeaderFormat } from "./proto.ts";

export type ConnectionManagerOptions = {
  /** Its first two parts are the scope: the namespace and the objective. The routing key by default. */
  readonly scopeHeader?: string;
  /** Headers that are taken away before anything looks at a request. */
  readonly stripped?: readonly string[];
  /** Whether the model server is told who serves: true by default. Otherwise `filters`, or the routes, see to it. */
  readonly namesModel?: boolean;
  /** What a request goes through once its routes are there. */
  readonly filters?: readonly MessageInitShape<typeof HttpFilterSchema>[];
};

/** What the listeners share: the scoped routes, the traffic class of a request that has none, the errors, the log. */
export function connectionManager(
  statPrefix: string,
  accessLogTarget: AccessLogTarget,
  { scopeHeader = headers.routingKey, stripped = [], namesModel = true, filters = [] }: ConnectionManagerOptions = {},
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
      extension("signalbox.headers", EarlyHeaderMutationSchema, {
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
      extensionChoice("envoy.filters.http.header_mutation", HeaderMutationSchema, {
        mutations: { requestMutations: namesModel ? [model] : [], responseMutations: [model, shard] },
      }),
      extensionChoice("envoy.filters.http.router", RouterSchema, { suppressEnvoyHeaders: true }),
    ],
  };
}

/**
 * Who serves a request, for the model server and for the client. A route is named after its model version; one without a
 * name, which refuses, adds no header. In the listeners and not in the routes: a format of each objective's own would be a
 * dozen objects that nearly every request finds out of the processor's caches (ADR 069).
 */
const model = { action: { case: "append" as const, value: setHeaderFormat(headers.model, "%ROUTE_NAME%") } };
const shard = { action: { case: "append" as const, value: setHeaderFormat(headers.shard, "%UPSTREAM_CLUSTER%") } };

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
