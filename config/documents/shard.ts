import { isIP } from "node:net";
import { z } from "zod";
import { limits } from "../limits.ts";
import { apiVersion, metadata, milliseconds, name } from "./common.ts";
import { beyond, evenIfPartsAreBad, expected, report, unique } from "./refinements.ts";

const port = z.int().min(1).max(65_535);

/** Without a zone (`fe80::1%eth0`): it means something on one machine only. */
const isAddress = (address: string) => isIP(address) !== 0 && !address.includes("%");

const endpoint = z.strictObject({
  address: z
    .string()
    .refine(isAddress, expected("an IPv4 or IPv6 address (host names belong in spec.dns)"))
    .describe("An IP address; use `dns` for host names.")
    .meta({ anyOf: [{ format: "ipv4" }, { format: "ipv6" }] }),
  port,
  weight: z.int().min(1).max(10_000).default(1),
});

const dns = z.strictObject({
  hostname: z.hostname(),
  port,
  refreshMs: milliseconds.min(1000).default(5000),
});

const healthCheck = z.strictObject({
  path: z
    .string()
    .regex(/^\/[\x21-\x7e]*$/, expected("a URL path: a / and printable ASCII characters without spaces"))
    .max(2048)
    .describe(
      "Answers 200 when the host can serve. Ignored by grpc shards, which are asked by the gRPC health protocol.",
    )
    .optional(),
  grpcService: z
    .string()
    .max(255)
    .optional()
    .describe("The service name asked by the gRPC health protocol; grpc shards only."),
  intervalMs: milliseconds.min(100).default(2000),
  timeoutMs: milliseconds.min(10).default(1000),
  unhealthyThreshold: z.int().min(1).max(100).default(3),
  healthyThreshold: z.int().min(1).max(100).default(1),
});

const shardLimits = z.strictObject({
  maxConnections: z.int().min(1).max(1_000_000).default(1024),
  maxPendingRequests: z.int().min(1).max(1_000_000).default(1024),
  maxRequests: z.int().min(1).max(1_000_000).default(1024),
  maxRetries: z.int().min(0).max(1_000_000).default(64),
});

const outlierDetection = z.strictObject({
  consecutiveErrors: z
    .int()
    .min(1)
    .max(1000)
    .default(5)
    .describe("Errors in a row (5xx, connection failures) until a host is ejected."),
  intervalMs: milliseconds.min(100).default(5000),
  baseEjectionMs: milliseconds.min(100).default(15_000),
  maxEjectionPercent: z.int().min(0).max(100).default(50),
});

const tls = z.strictObject({
  serverName: z.hostname().optional().describe("SNI, and the name the certificate must carry."),
  caFile: z
    .string()
    .startsWith("/")
    .max(4096)
    .optional()
    .describe(
      "A PEM file on the Envoy's machine; the system's own when absent, /etc/ssl/certs/ca-certificates.crt, which needs a name to verify.",
    ),
  caSecret: name
    .optional()
    .describe("Instead of caFile: the secret of this namespace, on the xds-servers, whose ca.crt Envoy is given."),
  clientSecret: name
    .optional()
    .describe(
      "The secret of this namespace, on the xds-servers, whose tls.crt and tls.key Envoy shows to the hosts as its own.",
    ),
});

/** A serving cluster that hosts model versions: one Envoy cluster. */
export const shardSchema = z.strictObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal("Shard"),
  metadata,
  spec: z
    .strictObject({
      protocol: z.enum(["http1", "http2", "grpc"]).default("http1"),
      endpoints: z
        .array(endpoint)
        .min(1)
        .max(limits.endpointsPerShard, beyond("endpointsPerShard"))
        .superRefine(
          unique(({ address, port }) => (address === undefined ? undefined : `${address} port ${port}`), "address"),
          evenIfPartsAreBad,
        )
        .optional(),
      dns: dns.optional(),
      healthCheck: healthCheck.optional(),
      limits: shardLimits.prefault({}),
      outlierDetection: outlierDetection.optional(),
      tls: tls.optional(),
      connectTimeoutMs: milliseconds.min(1).default(1000),
      slowStartMs: milliseconds
        .default(0)
        .describe("How long a new host's share of the traffic grows to its full weight; 0 is off."),
    })
    .superRefine((spec, ctx) => {
      if ((spec.endpoints === undefined) === (spec.dns === undefined))
        report(ctx, [], "must have exactly one of endpoints and dns");
      if (spec.tls instanceof Object && spec.tls.caFile && spec.tls.caSecret)
        report(ctx, ["tls", "caSecret"], "must not be there together with caFile; keep the one that is meant");
      if (spec.tls instanceof Object && !spec.tls.caFile && !spec.tls.caSecret && !spec.tls.serverName && !spec.dns)
        report(
          ctx,
          ["tls"],
          "needs serverName, caFile or caSecret; with none of them, any certificate of a public authority would do",
        );
      if (spec.healthCheck?.grpcService !== undefined && spec.protocol !== "grpc")
        report(ctx, ["healthCheck", "grpcService"], `needs protocol: grpc, found protocol: ${spec.protocol}; use path`);
    }, evenIfPartsAreBad)
    .meta({ oneOf: [{ required: ["endpoints"] }, { required: ["dns"] }] }),
});

export type Shard = z.output<typeof shardSchema>;
export type ShardInput = z.input<typeof shardSchema>;
