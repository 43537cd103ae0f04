import type { JsonObject } from "@bufbuild/protobuf";

/** For one rule of validate.rules: a message that it allows and, unless the rule only loosens another, one it refuses. */
export type RuleExample = {
  readonly type: string;
  readonly allowed: JsonObject;
  readonly refused?: JsonObject;
  /** Where the refused message breaks the rule. */
  readonly path?: string;
};

const long = (length: number) => "x".repeat(length);
const header = (index: number) => ({ header: { key: `h${index}`, value: "v" } });
const cluster = (rest: JsonObject) => ({ name: "c", ...rest });
const route = (rest: JsonObject) => ({ match: { prefix: "/" }, nonForwardingAction: {}, ...rest });
const virtualHost = (rest: JsonObject) => ({ name: "v", domains: ["*"], ...rest });
const anyMessage = { "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster", name: "c" };
const matcher = (map: JsonObject) => ({
  matcherTree: { input: { name: "i", typedConfig: anyMessage }, exactMatchMap: { map } },
});

/** One example for every rule that the generated protos use; a test holds it to that. */
export const ruleExamples: Readonly<Record<string, RuleExample>> = {
  "any.required": {
    type: "envoy.config.core.v3.TypedExtensionConfig",
    allowed: { name: "x", typedConfig: anyMessage },
    refused: { name: "x" },
    path: "typed_config",
  },
  "bool.const": {
    type: "envoy.extensions.filters.http.lua.v3.LuaPerRoute",
    allowed: { disabled: true },
    refused: { disabled: false },
    path: "disabled",
  },
  "bytes.max_len": {
    type: "envoy.config.core.v3.HeaderValue",
    allowed: { key: "k", rawValue: Buffer.alloc(16_384).toString("base64") },
    refused: { key: "k", rawValue: Buffer.alloc(16_385).toString("base64") },
    path: "raw_value",
  },
  "bytes.min_len": {
    type: "envoy.config.common.matcher.v3.HttpGenericBodyMatch.GenericTextMatch",
    allowed: { binaryMatch: "AA==" },
    refused: { binaryMatch: "" },
    path: "binary_match",
  },
  "double.gt": {
    type: "envoy.config.core.v3.RateLimitSettings",
    allowed: { fillRate: 0.1 },
    refused: { fillRate: 0 },
    path: "fill_rate",
  },
  "double.gte": {
    type: "envoy.config.cluster.v3.Cluster.PreconnectPolicy",
    allowed: { perUpstreamPreconnectRatio: 1 },
    refused: { perUpstreamPreconnectRatio: 0.99 },
    path: "per_upstream_preconnect_ratio",
  },
  "double.lte": {
    type: "envoy.config.cluster.v3.Cluster.PreconnectPolicy",
    allowed: { perUpstreamPreconnectRatio: 3 },
    refused: { perUpstreamPreconnectRatio: 3.01 },
    path: "per_upstream_preconnect_ratio",
  },
  "duration.gt": {
    type: "envoy.config.cluster.v3.Cluster",
    allowed: cluster({ connectTimeout: "0.001s" }),
    refused: cluster({ connectTimeout: "0s" }),
    path: "connect_timeout",
  },
  "duration.gte": {
    type: "envoy.config.bootstrap.v3.Bootstrap",
    allowed: { statsFlushInterval: "0.001s" },
    refused: { statsFlushInterval: "0.000999s" },
    path: "stats_flush_interval",
  },
  "duration.lt": {
    type: "envoy.config.bootstrap.v3.Bootstrap",
    allowed: { statsFlushInterval: "299.999999999s" },
    refused: { statsFlushInterval: "300s" },
    path: "stats_flush_interval",
  },
  // With its gte of 1 ms this means: 0 s, or at least 1 ms.
  "duration.lte": {
    type: "envoy.config.core.v3.QuicKeepAliveSettings",
    allowed: { initialInterval: "0s" },
    refused: { initialInterval: "0.0005s" },
    path: "initial_interval",
  },
  "duration.required": {
    type: "envoy.config.core.v3.BackoffStrategy",
    allowed: { baseInterval: "1s" },
    refused: {},
    path: "base_interval",
  },
  "enum.defined_only": {
    type: "envoy.config.cluster.v3.CircuitBreakers.Thresholds",
    allowed: { priority: 1 },
    refused: { priority: 2 },
    path: "priority",
  },
  "enum.not_in": {
    type: "envoy.type.v3.HttpStatus",
    allowed: { code: 200 },
    refused: { code: 0 },
    path: "code",
  },
  "int64.gt": {
    type: "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
    allowed: { maxActiveDownstreamConnections: "1" },
    refused: { maxActiveDownstreamConnections: "-1" },
    path: "max_active_downstream_connections",
  },
  "map.keys.string.min_len": {
    type: "envoy.config.core.v3.Metadata",
    allowed: { filterMetadata: { a: {} } },
    refused: { filterMetadata: { "": {} } },
    path: 'filter_metadata[""]',
  },
  "map.min_pairs": {
    type: "xds.type.matcher.v3.Matcher",
    allowed: matcher({ a: { action: { name: "a", typedConfig: anyMessage } } }),
    refused: matcher({}),
    path: "matcher_tree.exact_match_map.map",
  },
  "message.required": {
    type: "envoy.config.route.v3.Route",
    allowed: route({}),
    refused: { nonForwardingAction: {} },
    path: "match",
  },
  "message.skip": {
    type: "envoy.config.core.v3.KeyValueAppend",
    allowed: { entry: { key: "" }, record: { key: "k", value: "v" } },
  },
  "oneof.required": {
    type: "envoy.config.route.v3.Route",
    allowed: route({}),
    refused: { match: { prefix: "/" } },
    path: "action",
  },
  "repeated.items.double.gt": {
    type: "envoy.config.metrics.v3.HistogramBucketSettings",
    allowed: { match: { exact: "x" }, buckets: [0.5, 1] },
    refused: { match: { exact: "x" }, buckets: [0.5, 0] },
    path: "buckets[1]",
  },
  "repeated.items.enum.defined_only": {
    type: "envoy.config.core.v3.HealthStatusSet",
    allowed: { statuses: ["HEALTHY"] },
    refused: { statuses: ["HEALTHY", 77] },
    path: "statuses[1]",
  },
  "repeated.items.string.in": {
    type: "envoy.config.accesslog.v3.ResponseFlagFilter",
    allowed: { flags: ["UH"] },
    refused: { flags: ["UH", "XX"] },
    path: "flags[1]",
  },
  "repeated.items.string.max_bytes": {
    type: "envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext",
    allowed: { verifyCertificateHash: [long(95)] },
    refused: { verifyCertificateHash: [long(96)] },
    path: "verify_certificate_hash[0]",
  },
  "repeated.items.string.min_len": {
    type: "envoy.config.route.v3.Route",
    allowed: route({ requestHeadersToRemove: ["x"] }),
    refused: route({ requestHeadersToRemove: ["x", ""] }),
    path: "request_headers_to_remove[1]",
  },
  "repeated.items.string.strict": {
    type: "envoy.config.route.v3.Route",
    allowed: route({ requestHeadersToRemove: ["not a header name"] }),
  },
  "repeated.items.string.well_known_regex": {
    type: "envoy.config.route.v3.Route",
    allowed: route({ requestHeadersToRemove: ["x"] }),
    refused: route({ requestHeadersToRemove: ["x\n"] }),
    path: "request_headers_to_remove[0]",
  },
  "repeated.items.uint32.gte": {
    type: "envoy.config.listener.v3.FilterChainMatch",
    allowed: { sourcePorts: [1] },
    refused: { sourcePorts: [1, 0] },
    path: "source_ports[1]",
  },
  "repeated.items.uint32.lt": {
    type: "envoy.config.core.v3.ProxyProtocolPassThroughTLVs",
    allowed: { tlvType: [255] },
    refused: { tlvType: [256] },
    path: "tlv_type[0]",
  },
  "repeated.items.uint32.lte": {
    type: "envoy.config.listener.v3.FilterChainMatch",
    allowed: { sourcePorts: [65_535] },
    refused: { sourcePorts: [65_536] },
    path: "source_ports[0]",
  },
  "repeated.max_items": {
    type: "envoy.config.route.v3.VirtualHost",
    allowed: virtualHost({ requestHeadersToAdd: Array.from({ length: 1000 }, (_, index) => header(index)) }),
    refused: virtualHost({ requestHeadersToAdd: Array.from({ length: 1001 }, (_, index) => header(index)) }),
    path: "request_headers_to_add",
  },
  "repeated.min_items": {
    type: "envoy.config.route.v3.VirtualHost",
    allowed: virtualHost({}),
    refused: virtualHost({ domains: [] }),
    path: "domains",
  },
  "repeated.unique": {
    type: "envoy.config.route.v3.InternalRedirectPolicy",
    allowed: { responseHeadersToCopy: ["a", "b"] },
    refused: { responseHeadersToCopy: ["a", "b", "a"] },
    path: "response_headers_to_copy",
  },
  "string.ignore_empty": {
    type: "envoy.config.route.v3.RateLimit.HitsAddend",
    allowed: { format: "" },
  },
  "string.in": {
    type: "envoy.config.core.v3.SchemeHeaderTransformation",
    allowed: { schemeToOverwrite: "https" },
    refused: { schemeToOverwrite: "ftp" },
    path: "scheme_to_overwrite",
  },
  // Bytes, not characters: 8,192 times two bytes.
  "string.max_bytes": {
    type: "envoy.config.core.v3.HeaderValue",
    allowed: { key: "é".repeat(8_192) },
    refused: { key: `${"é".repeat(8_192)}x` },
    path: "key",
  },
  "string.min_len": {
    type: "envoy.config.cluster.v3.Cluster",
    allowed: cluster({}),
    refused: {},
    path: "name",
  },
  "string.pattern": {
    type: "envoy.config.route.v3.RouteMatch",
    allowed: { pathSeparatedPrefix: "/a/b" },
    refused: { pathSeparatedPrefix: "/a/" },
    path: "path_separated_prefix",
  },
  "string.prefix": {
    type: "envoy.config.route.v3.RateLimit.HitsAddend",
    allowed: { format: "%A%" },
    refused: { format: "A%" },
    path: "format",
  },
  "string.strict": {
    type: "envoy.config.core.v3.HeaderValue",
    allowed: { key: "not a header name", value: "\u0001" },
  },
  "string.suffix": {
    type: "envoy.config.route.v3.RateLimit.HitsAddend",
    allowed: { format: "%A%" },
    refused: { format: "%A" },
    path: "format",
  },
  "string.well_known_regex": {
    type: "envoy.config.core.v3.HeaderValue",
    allowed: { key: "x", value: "v" },
    refused: { key: "x", value: "v\u0000" },
    path: "value",
  },
  "uint32.gt": {
    type: "envoy.config.core.v3.HttpProtocolOptions",
    allowed: { maxResponseHeadersKb: 1 },
    refused: { maxResponseHeadersKb: 0 },
    path: "max_response_headers_kb",
  },
  "uint32.gte": {
    type: "envoy.config.cluster.v3.Cluster.LeastRequestLbConfig",
    allowed: { choiceCount: 2 },
    refused: { choiceCount: 1 },
    path: "choice_count",
  },
  "uint32.lt": {
    type: "envoy.config.route.v3.DirectResponseAction",
    allowed: { status: 599 },
    refused: { status: 600 },
    path: "status",
  },
  "uint32.lte": {
    type: "envoy.config.cluster.v3.OutlierDetection",
    allowed: { maxEjectionPercent: 100 },
    refused: { maxEjectionPercent: 101 },
    path: "max_ejection_percent",
  },
  "uint64.gt": {
    type: "envoy.config.core.v3.UdpSocketConfig",
    allowed: { maxRxDatagramSize: "1" },
    refused: { maxRxDatagramSize: "0" },
    path: "max_rx_datagram_size",
  },
  "uint64.gte": {
    type: "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
    allowed: { queryTimeoutSeconds: "1" },
    refused: { queryTimeoutSeconds: "0" },
    path: "query_timeout_seconds",
  },
  "uint64.lt": {
    type: "envoy.config.core.v3.UdpSocketConfig",
    allowed: { maxRxDatagramSize: "65535" },
    refused: { maxRxDatagramSize: "65536" },
    path: "max_rx_datagram_size",
  },
  "uint64.lte": {
    type: "envoy.config.cluster.v3.Cluster.RingHashLbConfig",
    allowed: { minimumRingSize: "8388608" },
    refused: { minimumRingSize: "8388609" },
    path: "minimum_ring_size",
  },
};
