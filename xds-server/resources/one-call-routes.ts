import type { MessageInitShape } from "@bufbuild/protobuf";
import type { VirtualHost, VirtualHostSchema } from "../../proto/gen/envoy/config/route/v3/route_components_pb.js";
import { ExtAuthzPerRouteSchema } from "../../proto/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js";
import { LuaPerRouteSchema } from "../../proto/gen/envoy/extensions/filters/http/lua/v3/lua_pb.js";
import type { OneCallRoutes } from "../routing/routing-table.ts";
import { headers } from "./headers.ts";
import { defaultResolverTimeoutMs, resolverFilterNames, resolverService } from "./one-call-resolver.ts";
import { addMissingHeader, any } from "./proto.ts";

/** The filter of the one-call listener that selects. */
export const oneCallFilterName = "signalbox.one_call";

/**
 * What the filters of the one-call listener need to know of an objective. It is a part of the objective's virtual host, so
 * that rules and routes change in one step. Listeners that lack those filters pass it over.
 */
export function oneCallSettings({
  program,
  id,
  resolver,
}: OneCallRoutes): Exclude<MessageInitShape<typeof VirtualHostSchema>, VirtualHost> {
  const selects = { [oneCallFilterName]: any(LuaPerRouteSchema, { filterContext: { id, program } }) };
  if (resolver === null) return { typedPerFilterConfig: selects };
  const { timeoutMs, onFailure } = resolver;
  const serviceOverride =
    timeoutMs === defaultResolverTimeoutMs
      ? undefined
      : { case: "httpService" as const, value: resolverService(timeoutMs) };
  const asks = any(ExtAuthzPerRouteSchema, {
    override: { case: "checkSettings", value: serviceOverride ? { serviceOverride } : {} },
  });
  return {
    typedPerFilterConfig: { ...selects, [resolverFilterNames[onFailure]]: asks },
    // Set by the program, and taken away again by the resolver's answer.
    responseHeadersToAdd: [addMissingHeader(headers.fallback, `%REQ(${headers.fallback})%`)],
  };
}
