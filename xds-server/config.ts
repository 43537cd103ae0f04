import { z } from "zod";
import { commonVariables, port, readEnvironment, wholeNumber } from "../service/environment.ts";
import type { ResolverAddress } from "./resources/one-call-resolver.ts";

const file = z.string();

const variables = z.object({
  ...commonVariables,
  /** xDS for Envoys. */
  XDS_GRPC_PORT: port(18_000),
  /** Health, readiness, metrics. */
  XDS_HTTP_PORT: port(18_001),
  /** Serve xDS without TLS beyond this machine: it tells every address and route to whoever can connect. */
  XDS_ALLOW_PLAINTEXT: z.enum(["true", "false"], { error: "must be true or false" }).default("false"),
  /** The server's certificate for xDS over TLS, in PEM, its own first; without it there is no TLS. */
  XDS_TLS_CERT_FILE: file.optional(),
  XDS_TLS_KEY_FILE: file.optional(),
  /** The authorities of client certificates, in PEM: every client needs a certificate of theirs. */
  XDS_TLS_CLIENT_CA_FILE: file.optional(),
  /** Which identity may read which namespaces; without it, every client that gets through reads everything. */
  XDS_IDENTITIES_FILE: file.optional(),
  /** Ask new shards whether they are ready before requests go to them: off where the shards are out of reach. */
  XDS_SHARD_PROBE: z.enum(["on", "off"], { error: "must be on or off" }).default("on"),
  /** How long the routes of a resolver's answers stay after it was heard of last, when it did not say goodbye. */
  XDS_CUT_OFF_RESOLVER_MS: wholeNumber(900_000, 0),
  /** How long old routes stay after the last answer with their key has run out, for requests under way. */
  XDS_ROUTE_GRACE_MS: wholeNumber(5000, 0),
  /** Secrets for the Envoys' connections to the shards: `<namespace>/<name>/` with tls.crt, tls.key, ca.crt. */
  XDS_SDS_FOLDER: file.optional(),
  /** After how long about a client has to connect again, perhaps to another xds-server; 0 is never. */
  XDS_MAX_CONNECTION_AGE_MS: wholeNumber(3_600_000, 0),
  /** Where the Envoys listen for requests that carry a routing key. */
  ENVOY_KEYED_ADDRESS: z
    .union([z.ipv4(), z.ipv6()], { error: "must be an IP address such as 127.0.0.1, or 0.0.0.0 for all" })
    .default("127.0.0.1"),
  ENVOY_KEYED_PORT: port(10_000).refine((value) => value > 0, "must be at least 1: every Envoy needs the same one"),
  /** Where the Envoys listen for requests that name an objective and carry a context; 0 is nowhere. */
  ENVOY_ONE_CALL_PORT: port(10_001),
  /** The resolvers' HTTP as the Envoys reach it: `host:port`, with commas between. */
  ENVOY_RESOLVERS: z.string().default("127.0.0.1:7070").transform(parseAddresses),
  /** The Envoys' access log: stdout, off, or the path of a file on their machine. */
  ENVOY_ACCESS_LOG: z
    .string()
    .refine((value) => ["stdout", "off"].includes(value) || value.startsWith("/"), {
      error: "must be stdout, off, or an absolute path on the Envoy's machine",
    })
    .default("stdout"),
});

const schema = variables.superRefine((given, ctx) => {
  const report = (variable: keyof typeof given, message: string) =>
    ctx.addIssue({ code: "custom", path: [variable], message, input: given[variable] });
  const isTls = given.XDS_TLS_CERT_FILE !== undefined && given.XDS_TLS_KEY_FILE !== undefined;
  if (given.XDS_TLS_CERT_FILE !== undefined && !isTls) report("XDS_TLS_CERT_FILE", "needs XDS_TLS_KEY_FILE, its key");
  if (given.XDS_TLS_KEY_FILE !== undefined && !isTls) report("XDS_TLS_KEY_FILE", "needs XDS_TLS_CERT_FILE as well");
  if (given.XDS_TLS_CLIENT_CA_FILE !== undefined && !isTls)
    report("XDS_TLS_CLIENT_CA_FILE", "needs XDS_TLS_CERT_FILE and XDS_TLS_KEY_FILE: without TLS nobody is asked");
  if (given.XDS_IDENTITIES_FILE !== undefined && given.XDS_TLS_CLIENT_CA_FILE === undefined)
    report("XDS_IDENTITIES_FILE", "needs XDS_TLS_CLIENT_CA_FILE: identities come from client certificates");
  if (given.XDS_SDS_FOLDER !== undefined && !isLoopback(given.HOST) && given.XDS_TLS_CLIENT_CA_FILE === undefined)
    report(
      "XDS_SDS_FOLDER",
      "holds private keys: beyond this machine it needs XDS_TLS_CLIENT_CA_FILE, so that no stranger gets them",
    );
  if (!isLoopback(given.HOST) && !isTls && given.XDS_ALLOW_PLAINTEXT !== "true")
    report(
      "HOST",
      "is not this machine's own, and xDS is served without TLS: set XDS_TLS_CERT_FILE and XDS_TLS_KEY_FILE, or listen on " +
        "127.0.0.1, or set XDS_ALLOW_PLAINTEXT=true where the network keeps strangers from the xDS port",
    );
});

/** Reads `host:port` with commas between, an IPv6 address in brackets; for a zod transform, which gets every problem. */
function parseAddresses(text: string, ctx: z.core.$RefinementCtx): readonly ResolverAddress[] {
  return text.split(",").flatMap((entry) => {
    const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([\w.-]+)):([1-9]\d{0,4})$/.exec(entry.trim());
    const host = match?.[1] ?? match?.[2];
    if (host !== undefined && Number(match?.[3]) <= 65_535) return { host, port: Number(match?.[3]) };
    const message = `"${entry.trim()}" is no address: give host:port, such as 127.0.0.1:7070, with commas between`;
    ctx.addIssue({ code: "custom", message });
    return [];
  });
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}

export type XdsServerConfig = z.output<typeof schema>;

/** Reads the environment; throws `cannot_start` with every problem at once. */
export function readConfig(environment: NodeJS.ProcessEnv): XdsServerConfig {
  return readEnvironment(schema, environment);
}
