import { create, fromBinary, type Message, type Registry, toBinary } from "@bufbuild/protobuf";
import { type Any, anyPack } from "@bufbuild/protobuf/wkt";
import { type MethodDefinition, Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
  ResourceSchema,
} from "../../proto/gen/envoy/service/discovery/v3/discovery_pb.js";
import { type EnvoyOptions, startEnvoy } from "./envoy.ts";
import { freePorts } from "./ports.ts";

/** What Envoy makes of a resource: takes it (ACK), refuses it (NACK) with a reason, or ends because of it. */
export type Verdict =
  | { readonly kind: "taken" }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "ended"; readonly reason: string };

/** A real Envoy that says of any number of resources, one at a time, what it makes of them. */
export type EnvoyJudge = {
  /** Gives Envoy a cluster or a listener under a name. An Envoy that ended because of the one before is started again. */
  judge(name: string, resource: Message): Promise<Verdict>;
  stop(): Promise<void>;
};

type Call = ServerDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;
type Kind = { readonly typeName: string; readonly path: string; readonly configKey: "cds_config" | "lds_config" };

const kinds: readonly Kind[] = [
  {
    typeName: "envoy.config.cluster.v3.Cluster",
    path: "/envoy.service.cluster.v3.ClusterDiscoveryService/DeltaClusters",
    configKey: "cds_config",
  },
  {
    typeName: "envoy.config.listener.v3.Listener",
    path: "/envoy.service.listener.v3.ListenerDiscoveryService/DeltaListeners",
    configKey: "lds_config",
  },
];

/** Clusters that the judge's Envoy has from the start, so that the routes of a listener can name them. */
export const knownClusters = ["known", "known2"] as const;

/**
 * Starts an Envoy for clusters and listeners. Its streams are single-type ones, because over ADS the answer for a cluster
 * waits until the cluster is warm.
 */
export async function startEnvoyJudge(registry: Registry, options?: EnvoyOptions): Promise<EnvoyJudge> {
  const server = new Server();
  const [xdsPort, adminPort] = (await freePorts(2)) as [number, number];
  const streams = new Map(kinds.map((kind) => [kind.typeName, addStream(server, kind)]));
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${xdsPort}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    ),
  );
  const start = () =>
    startEnvoy(bootstrap(xdsPort, adminPort), adminPort, { until: "ready", logLevel: "error", ...options });
  let envoy = await start();
  let hasEnded = false;
  return {
    judge: async (name, resource) => {
      const [desc, stream] = [registry.getMessage(resource.$typeName), streams.get(resource.$typeName)];
      if (!desc || !stream) throw new Error(`Only clusters and listeners are judged, not ${resource.$typeName}.`);
      if (hasEnded) envoy = await start();
      const ended = envoy.ended.then((): Verdict => ({ kind: "ended", reason: envoy.output() }));
      const verdict = await Promise.race([stream.send(name, anyPack(desc, resource)), ended]);
      hasEnded = verdict.kind === "ended";
      return verdict;
    },
    stop: async () => {
      await envoy.stop("SIGKILL");
      server.forceShutdown();
    },
  };
}

/** One stream of one type: every response waits for the answer to the one before. */
function addStream(server: Server, { typeName, path }: Kind) {
  const typeUrl = `type.googleapis.com/${typeName}`;
  let open: Call | undefined;
  let sent = 0;
  const waiting = new Map<string, (verdict: Verdict) => void>();
  const respond = (call: Call, resources: DeltaDiscoveryResponse["resources"]): string => {
    const nonce = String(++sent);
    call.write(create(DeltaDiscoveryResponseSchema, { typeUrl, nonce, resources, systemVersionInfo: nonce }));
    return nonce;
  };
  const method: MethodDefinition<DeltaDiscoveryRequest, DeltaDiscoveryResponse> = {
    path,
    requestStream: true,
    responseStream: true,
    requestSerialize: (request) => Buffer.from(toBinary(DeltaDiscoveryRequestSchema, request)),
    requestDeserialize: (bytes) => fromBinary(DeltaDiscoveryRequestSchema, bytes),
    responseSerialize: (response) => Buffer.from(toBinary(DeltaDiscoveryResponseSchema, response)),
    responseDeserialize: (bytes) => fromBinary(DeltaDiscoveryResponseSchema, bytes),
  };
  const stream = (call: Call) => {
    open = call;
    call.on("data", (request: DeltaDiscoveryRequest) => {
      if (request.responseNonce === "") respond(call, []);
      const { errorDetail } = request;
      const verdict: Verdict = errorDetail ? { kind: "refused", reason: errorDetail.message } : { kind: "taken" };
      waiting.get(request.responseNonce)?.(verdict);
      waiting.delete(request.responseNonce);
    });
    call.on("end", () => call.end());
    call.on("error", () => undefined);
  };
  server.addService({ stream: method }, { stream });
  return {
    send: (name: string, resource: Any) =>
      new Promise<Verdict>((resolve) => {
        if (!open) throw new Error(`Envoy has no stream for ${typeName}.`);
        const nonce = respond(open, [create(ResourceSchema, { name, resource, version: String(sent) })]);
        waiting.set(nonce, resolve);
      }),
  };
}

function bootstrap(xdsPort: number, adminPort: number): string {
  const address = (port: number) => ({ socket_address: { address: "127.0.0.1", port_value: port } });
  const source = {
    resource_api_version: "V3",
    api_config_source: {
      api_type: "DELTA_GRPC",
      transport_api_version: "V3",
      grpc_services: [{ envoy_grpc: { cluster_name: "xds" } }],
    },
  };
  return JSON.stringify({
    node: { id: "judge", cluster: "judge" },
    admin: { address: address(adminPort) },
    dynamic_resources: Object.fromEntries(kinds.map(({ configKey }) => [configKey, source])),
    static_resources: {
      clusters: [
        ...knownClusters.map((name) => ({ name, type: "STATIC", connect_timeout: "1s" })),
        {
          name: "xds",
          type: "STATIC",
          connect_timeout: "1s",
          typed_extension_protocol_options: {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
              "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
          load_assignment: {
            cluster_name: "xds",
            endpoints: [{ lb_endpoints: [{ endpoint: { address: address(xdsPort) } }] }],
          },
        },
      ],
    },
  });
}
