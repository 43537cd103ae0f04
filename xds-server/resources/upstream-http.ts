import type { Any } from "@bufbuild/protobuf/wkt";
import type { Shard } from "../../config/documents/shard.ts";
import { HttpProtocolOptionsSchema } from "../../proto/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js";
import { any, duration } from "./proto.ts";

/** The key under which a cluster has its HTTP options. */
export const httpProtocolOptionsName = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/**
 * How long a connection may be idle. HTTP/1.1 servers close one without a word, 5 s being the common default (Node,
 * uvicorn), and a request sent at that moment is lost: Envoy has to be first. HTTP/2 servers say goodbye (GOAWAY).
 */
const idleTimeoutMs = { http1: 4000, http2: 300_000, grpc: 300_000 } as const;

/** The protocol that the shard speaks, whatever the client speaks. */
export function httpProtocolOptions(protocol: Shard["spec"]["protocol"]): Any {
  const http2 = {
    case: "http2ProtocolOptions" as const,
    value: {
      initialStreamWindowSize: 1024 * 1024,
      initialConnectionWindowSize: 4 * 1024 * 1024,
      connectionKeepalive: { interval: duration(30_000), timeout: duration(10_000) },
    },
  };
  const http1 = { case: "httpProtocolOptions" as const, value: {} };
  return any(HttpProtocolOptionsSchema, {
    commonHttpProtocolOptions: { idleTimeout: duration(idleTimeoutMs[protocol]) },
    upstreamProtocolOptions: {
      case: "explicitHttpConfig",
      value: { protocolConfig: protocol === "http1" ? http1 : http2 },
    },
  });
}
