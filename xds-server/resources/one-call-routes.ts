import { createHash } from "node:crypto";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type Route,
  RouteSchema,
  type VirtualHost,
  type VirtualHostSchema,
} from "../../proto/gen/envoy/config/route/v3/route_components_pb.js";
import { ExtAuthzPerRouteSchema } from "../../proto/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js";
import { LuaPerRouteSchema } from "../../proto/gen/envoy/extensions/filters/http/lua/v3/lua_pb.js";
import type { OneCallHeaders } from "../../selection/one-call/headers.ts";
import type { OneCallRoutes } from "../routing/routing-table.ts";
import { headers } from "./headers.ts";
import { defaultResolverTimeoutMs, resolverFilterName, resolverService } from "./one-call-resolver.ts";
import { any, setHeader, setHeaderFormat } from "./proto.ts";

/** The filter of the one-call listener that selects. */
export const oneCallFilterName = "signalbox.one_call";

/** The routes of the default for a request that no resolver has decided: they say in headers what a resolver would have said. */
export function asUndecided(given: Route, { routingKey, config, decision }: OneCallHeaders): Route {
  const fallback = setHeader(headers.fallback, "resolver-unavailable");
  const decided = [
    setHeader(headers.routingKey, routingKey),
    setHeader(headers.config, config),
    setHeader(headers.decision, decision),
  ];
  return create(RouteSchema, {
    ...given,
    requestHeadersToAdd: [...given.requestHeadersToAdd, ...decided, fallback],
    responseHeadersToAdd: [...given.responseHeadersToAdd, fallback],
  });
}

/**
 * What the filters of the one-call listener need to know of an objective. It is a part of the objective's virtual host, so
 * that rules and routes change in one step. Listeners that lack those filters pass it over.
 */
export function oneCallSettings({
  program,
  resolver,
}: OneCallRoutes): Exclude<MessageInitShape<typeof VirtualHostSchema>, VirtualHost> {
  const { metadata, selects } = carry(program);
  if (resolver === null) return { metadata, typedPerFilterConfig: selects };
  const { timeoutMs } = resolver;
  // What a resolver has decided may be a version without a route here. The one-call listener cannot know, but its routes do.
  const requestHeadersToAdd = [setHeaderFormat(headers.model, "%ROUTE_NAME%")];
  const serviceOverride =
    timeoutMs === defaultResolverTimeoutMs
      ? undefined
      : { case: "httpService" as const, value: resolverService(timeoutMs) };
  const asks = any(ExtAuthzPerRouteSchema, {
    override: { case: "checkSettings", value: serviceOverride ? { serviceOverride } : {} },
  });
  return { metadata, requestHeadersToAdd, typedPerFilterConfig: { ...selects, [resolverFilterName]: asks } };
}

/** Bytes of a program that is itself the setting of the filter. Envoy copies that for every request. */
const maxSettingBytes = 1024;

/**
 * A program as the setting of the filter; one that is too long for that as metadata, which the filter reads once, and its digest as
 * the setting (selection/lua/filter/programs.lua).
 */
function carry(program: string) {
  const selects = (text: string) => ({
    [oneCallFilterName]: any(LuaPerRouteSchema, { filterContext: { program: text } }),
  });
  if (Buffer.byteLength(program) <= maxSettingBytes) return { selects: selects(program) };
  const digest = createHash("sha256").update(program).digest("base64url").slice(0, 16);
  return { metadata: { filterMetadata: { [oneCallFilterName]: { program } } }, selects: selects(`@${digest}`) };
}
