import type { JsonObject } from "@bufbuild/protobuf";
import { address, any, extension, header, headerInput, type JudgedResource } from "./resource-json.ts";

const route = (cluster: JsonObject): JsonObject => ({
  match: { pathSeparatedPrefix: "/v2", headers: [{ name: "x-a", stringMatch: { exact: "b" }, invertMatch: true }] },
  route: {
    ...cluster,
    prefixRewrite: "/v2/models/ranker/versions/7",
    timeout: "0.3s",
    idleTimeout: "5s",
    retryPolicy: {
      retryOn: "connect-failure",
      numRetries: 1,
      perTryTimeout: "0.1s",
      retryBackOff: { baseInterval: "0.01s", maxInterval: "0.1s" },
    },
    requestMirrorPolicies: [
      {
        cluster: "known",
        runtimeFraction: { defaultValue: { numerator: 10, denominator: "HUNDRED" }, runtimeKey: "shadow" },
        disableShadowHostSuffixAppend: true,
      },
    ],
    hedgePolicy: { initialRequests: 1, hedgeOnPerTryTimeout: true },
    hashPolicy: [{ header: { headerName: "x-user" }, terminal: true }],
    maxStreamDuration: { maxStreamDuration: "10s" },
  },
  responseHeadersToAdd: [header("x-signalbox-model", "ranker@7")],
  responseHeadersToRemove: ["server"],
  requestHeadersToRemove: ["x-b"],
  typedPerFilterConfig: {
    "envoy.filters.http.lua": any("envoy.extensions.filters.http.lua.v3.LuaPerRoute", { disabled: true }),
  },
});

const routeConfiguration: JsonObject = {
  name: "default/quickstart",
  virtualHosts: [
    {
      name: "default/quickstart",
      domains: ["*"],
      requestHeadersToAdd: [header("x-signalbox-traffic-class", "real")],
      matcher: {
        matcherTree: {
          input: headerInput("x-routing-key"),
          exactMatchMap: {
            map: {
              "default/quickstart/ranker@7": {
                action: extension("route", "envoy.config.route.v3.Route", route({ cluster: "known" })),
              },
              "default/quickstart/ranker@8": {
                action: extension(
                  "route",
                  "envoy.config.route.v3.Route",
                  route({
                    weightedClusters: {
                      runtimeKeyPrefix: "signalbox.placement",
                      clusters: [
                        { name: "known", weight: 60, responseHeadersToAdd: [header("x-signalbox-shard", "a")] },
                        { name: "known2", weight: 40 },
                      ],
                    },
                  }),
                ),
              },
            },
          },
        },
        onNoMatch: {
          action: extension("none", "envoy.config.route.v3.Route", {
            match: { prefix: "/" },
            directResponse: { status: 404, body: { inlineString: "unknown" } },
          }),
        },
      },
    },
    {
      name: "listed",
      domains: ["a.example", "*.b.example"],
      routes: [
        route({ cluster: "known" }),
        { match: { path: "/old" }, redirect: { pathRedirect: "/new", responseCode: "FOUND" } },
        { match: { safeRegex: { regex: "/r.*" } }, nonForwardingAction: {} },
      ],
    },
  ],
  maxDirectResponseBodySizeBytes: 4096,
  responseHeadersToAdd: [header("x-signalbox-revision", "42")],
};

const connectionManager = (routes: JsonObject): JsonObject =>
  extension(
    "envoy.filters.network.http_connection_manager",
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    {
      statPrefix: "keyed",
      ...routes,
      httpFilters: [
        extension("envoy.filters.http.on_demand", "envoy.extensions.filters.http.on_demand.v3.OnDemand"),
        extension("envoy.filters.http.lua", "envoy.extensions.filters.http.lua.v3.Lua", {
          defaultSourceCode: { inlineString: "function envoy_on_request(handle) end" },
        }),
        extension(
          "envoy.filters.http.header_mutation",
          "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
          {
            mutations: { requestMutations: [{ remove: "x-c" }, { append: header("x-d", "e") }] },
          },
        ),
        extension("envoy.filters.http.router", "envoy.extensions.filters.http.router.v3.Router", {
          suppressEnvoyHeaders: true,
          strictCheckHeaders: ["x-envoy-max-retries"],
        }),
      ],
      earlyHeaderMutationExtensions: [
        extension("early", "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation", {
          mutations: [{ remove: "x-signalbox-decided" }],
        }),
      ],
      commonHttpProtocolOptions: { idleTimeout: "60s", maxHeadersCount: 100, maxConnectionDuration: "600s" },
      http2ProtocolOptions: { maxConcurrentStreams: 100, initialStreamWindowSize: 65_536 },
      serverName: "signalbox",
      maxRequestHeadersKb: 60,
      streamIdleTimeout: "300s",
      requestHeadersTimeout: "10s",
      drainTimeout: "5s",
      accessLog: [
        {
          ...extension("stdout", "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog", {
            logFormat: { jsonFormat: { key: "%REQ(x-routing-key)%" } },
          }),
          filter: {
            orFilter: {
              filters: [
                {
                  statusCodeFilter: {
                    comparison: { op: "GE", value: { defaultValue: 1000, runtimeKey: "log.status" } },
                  },
                },
                { responseFlagFilter: { flags: ["UH", "NR"] } },
              ],
            },
          },
        },
      ],
      localReplyConfig: {
        mappers: [
          {
            filter: { responseFlagFilter: { flags: ["NR"] } },
            statusCode: 404,
            body: { inlineString: "unknown_objective" },
            bodyFormatOverride: { jsonFormat: { error: "%LOCAL_REPLY_BODY%" } },
            headersToAdd: [header("x-signalbox-error", "unknown_objective")],
          },
        ],
      },
      upgradeConfigs: [{ upgradeType: "websocket" }],
    },
  );

const listener = (name: string, port: number, routes: JsonObject): JsonObject => ({
  name,
  address: address(port),
  bindToPort: false,
  perConnectionBufferLimitBytes: 1_048_576,
  tcpBacklogSize: 128,
  filterChains: [
    {
      name: "plain",
      filterChainMatch: { sourcePorts: [1, 65_535], prefixRanges: [{ addressPrefix: "127.0.0.0", prefixLen: 8 }] },
      filters: [connectionManager(routes)],
      transportSocketConnectTimeout: "10s",
    },
  ],
});

/** Listeners with routes of every kind, inline and in scopes. */
export const judgedListeners: readonly JudgedResource[] = [
  { type: "envoy.config.listener.v3.Listener", json: listener("inline", 18_481, { routeConfig: routeConfiguration }) },
  {
    type: "envoy.config.listener.v3.Listener",
    json: listener("scoped", 18_482, {
      scopedRoutes: {
        name: "scopes",
        scopeKeyBuilder: {
          fragments: [{ headerValueExtractor: { name: "x-routing-key", elementSeparator: "/", index: 0 } }],
        },
        scopedRouteConfigurationsList: {
          scopedRouteConfigurations: [
            {
              name: "default/quickstart",
              key: { fragments: [{ stringKey: "default" }] },
              routeConfiguration: { ...routeConfiguration, name: "inlined" },
            },
          ],
        },
      },
    }),
  },
];
