import type { Listener } from "../../proto/gen/envoy/config/listener/v3/listener_pb.js";
import { LuaSchema } from "../../proto/gen/envoy/extensions/filters/http/lua/v3/lua_pb.js";
import { luaFilterSource } from "../../selection/lua/filter-source.ts";
import { headers } from "./headers.ts";
import { connectionManager } from "./http-connection-manager.ts";
import { clientListener, type KeyedListenerSettings } from "./keyed-listener.ts";
import { localReplyConfig } from "./local-reply.ts";
import { oneCallReplies } from "./one-call-replies.ts";
import { resolverFilter } from "./one-call-resolver.ts";
import { oneCallFilterName } from "./one-call-routes.ts";
import { extensionChoice } from "./proto.ts";

export const oneCallListenerName = "one-call";

/** What a client may not say here, because selection says it. Taken away before anything else looks at a request. */
const strippedHeaders = [
  headers.routingKey,
  headers.config,
  headers.decision,
  headers.fallback,
  headers.model,
  headers.path,
  headers.error,
  headers.errorMessage,
];

/**
 * Where clients send requests that name an objective and carry a context: the selection happens here. The scope is the
 * objective as the client named it, because Envoy picks the scope before any filter runs.
 */
export function oneCallListener({ address, port, accessLog }: KeyedListenerSettings): Listener {
  const shared = connectionManager("one_call", accessLog, {
    scopeHeader: headers.objective,
    stripped: strippedHeaders,
    namesModel: false,
    filters: [
      extensionChoice(oneCallFilterName, LuaSchema, {
        defaultSourceCode: { specifier: { case: "inlineString", value: luaFilterSource() } },
        statPrefix: "one_call",
      }),
      resolverFilter(),
    ],
  });
  return clientListener(
    oneCallListenerName,
    { address, port },
    { ...shared, localReplyConfig: localReplyConfig(oneCallReplies) },
  );
}
