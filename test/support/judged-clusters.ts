import type { JsonObject } from "@bufbuild/protobuf";
import { address, any, extension, header, type JudgedResource } from "./resource-json.ts";

const cluster = (name: string, rest: JsonObject): JsonObject => ({
  name,
  connectTimeout: "0.25s",
  perConnectionBufferLimitBytes: 32_768,
  ...rest,
});

const loadAssignment = (name: string): JsonObject => ({
  clusterName: name,
  endpoints: [
    {
      locality: { region: "r", zone: "z" },
      loadBalancingWeight: 1,
      priority: 0,
      lbEndpoints: [
        {
          endpoint: { address: address(9), healthCheckConfig: { portValue: 10 }, hostname: "shard" },
          loadBalancingWeight: 2,
          healthStatus: "HEALTHY",
        },
      ],
    },
  ],
  policy: { overprovisioningFactor: 140, dropOverloads: [{ category: "c", dropPercentage: { numerator: 1 } }] },
});

const httpOptions = (protocol: JsonObject): JsonObject => ({
  "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": any(
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
    {
      commonHttpProtocolOptions: { idleTimeout: "60s", maxRequestsPerConnection: 1000 },
      ...protocol,
    },
  ),
});

/** Clusters of every kind of discovery, with TLS and without. */
export const judgedClusters: readonly JudgedResource[] = [
  {
    type: "envoy.config.cluster.v3.Cluster",
    json: cluster("static", {
      type: "STATIC",
      loadAssignment: loadAssignment("static"),
      loadBalancingPolicy: {
        policies: [
          {
            typedExtensionConfig: extension(
              "envoy.load_balancing_policies.least_request",
              "envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest",
              {
                choiceCount: 3,
                slowStartConfig: { slowStartWindow: "10s", minWeightPercent: { value: 20 } },
                activeRequestBias: { defaultValue: 1, runtimeKey: "bias" },
              },
            ),
          },
        ],
      },
      healthChecks: [
        {
          timeout: "1s",
          interval: "2s",
          intervalJitterPercent: 10,
          unhealthyThreshold: 2,
          healthyThreshold: 1,
          noTrafficInterval: "60s",
          httpHealthCheck: {
            path: "/v2/health/ready",
            host: "shard",
            expectedStatuses: [{ start: "200", end: "300" }],
            requestHeadersToAdd: [header("x-probe", "1")],
          },
        },
      ],
      circuitBreakers: {
        thresholds: [
          {
            priority: "DEFAULT",
            maxConnections: 1024,
            maxPendingRequests: 256,
            maxRequests: 1024,
            trackRemaining: true,
            retryBudget: { budgetPercent: { value: 20 }, minRetryConcurrency: 3 },
          },
        ],
      },
      outlierDetection: {
        consecutive5xx: 5,
        interval: "10s",
        baseEjectionTime: "30s",
        maxEjectionPercent: 50,
        enforcingConsecutive5xx: 100,
        successRateMinimumHosts: 5,
      },
      commonLbConfig: { healthyPanicThreshold: { value: 50 }, updateMergeWindow: "1s" },
      upstreamConnectionOptions: { tcpKeepalive: { keepaliveTime: 60, keepaliveInterval: 10 } },
      typedExtensionProtocolOptions: httpOptions({
        explicitHttpConfig: {
          http2ProtocolOptions: {
            maxConcurrentStreams: 100,
            initialStreamWindowSize: 65_536,
            connectionKeepalive: { interval: "30s", timeout: "5s", intervalJitter: { value: 10 } },
          },
        },
      }),
      preconnectPolicy: { perUpstreamPreconnectRatio: 1.5 },
      altStatName: "shard",
      trackClusterStats: { timeoutBudgets: true },
      metadata: { filterMetadata: { signalbox: { shard: "a" } } },
    }),
  },
  {
    type: "envoy.config.cluster.v3.Cluster",
    json: cluster("tls", {
      type: "STATIC",
      lbPolicy: "ROUND_ROBIN",
      roundRobinLbConfig: { slowStartConfig: { slowStartWindow: "10s", minWeightPercent: { value: 10 } } },
      loadAssignment: loadAssignment("tls"),
      healthChecks: [
        {
          timeout: "1s",
          interval: "2s",
          unhealthyThreshold: 2,
          healthyThreshold: 1,
          grpcHealthCheck: { serviceName: "s", initialMetadata: [header("x-probe", "1")] },
        },
      ],
      typedExtensionProtocolOptions: httpOptions({
        upstreamHttpProtocolOptions: { autoSni: true, overrideAutoSniHeader: "x-sni" },
        autoConfig: { http2ProtocolOptions: {} },
      }),
      transportSocket: extension(
        "envoy.transport_sockets.tls",
        "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        {
          sni: "shard.example",
          maxSessionKeys: 1,
          commonTlsContext: {
            tlsParams: { tlsMinimumProtocolVersion: "TLSv1_2" },
            alpnProtocols: ["h2"],
          },
        },
      ),
    }),
  },
  {
    type: "envoy.config.cluster.v3.Cluster",
    json: cluster("eds", {
      type: "EDS",
      edsClusterConfig: {
        serviceName: "default/gpu-a",
        edsConfig: {
          resourceApiVersion: "V3",
          initialFetchTimeout: "15s",
          apiConfigSource: {
            apiType: "DELTA_GRPC",
            transportApiVersion: "V3",
            grpcServices: [{ envoyGrpc: { clusterName: "xds" }, timeout: "1s", initialMetadata: [{ key: "a" }] }],
            rateLimitSettings: { maxTokens: 10, fillRate: 1 },
          },
        },
      },
    }),
  },
];
