import { z } from "zod";
import { commonVariables, port, readEnvironment, wholeNumber } from "../service/environment.ts";
import type { LogLevel } from "../service/logger.ts";
import { type OverrideToken, parseOverrideTokens } from "./override-tokens.ts";

const variables = z.object({
  ...commonVariables,
  RESOLVER_HTTP_PORT: port(7070),
  RESOLVER_GRPC_PORT: port(7071),
  /** Largest request, in bytes, over HTTP and gRPC. */
  RESOLVER_MAX_REQUEST_BYTES: wholeNumber(256 * 1024),
  /** When a new revision answers: once every xds-server reports that its Envoys can serve it, or at once. */
  RESOLVER_ACTIVATION: z
    .enum(["acknowledged", "immediate"], { error: "must be acknowledged or immediate" })
    .default("acknowledged"),
  /** The group of this resolver, by which pins and staged rollouts name it. */
  RESOLVER_GROUP: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, "must be lower-case letters, digits and hyphens, at most 63")
    .optional(),
  /** The outside experiment platform that is asked for cells; nobody is when empty. */
  RESOLVER_CELLS_URL: z
    .union([z.literal(""), z.url({ protocol: /^https?$/ })], { error: "must be an http or https URL" })
    .default(""),
  /** How long a request waits for it. */
  RESOLVER_CELLS_TIMEOUT_MS: wholeNumber(20),
  /** How long its answer is used. */
  RESOLVER_CELLS_TTL_MS: wholeNumber(60_000),
  /** Who may force a model version: SHA-256 sums of bearer tokens in hex, each after `namespace=` or for all; with commas between. */
  RESOLVER_OVERRIDE_TOKENS: z.string().default("").transform(parseOverrideTokens),
});

export type ResolverConfig = {
  readonly host: string;
  /** 0 is any free port. */
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly maxRequestBytes: number;
  readonly activation: "acknowledged" | "immediate";
  readonly group: string | undefined;
  /** Null without an outside experiment platform. */
  readonly cells: { readonly url: string; readonly timeoutMs: number; readonly ttlMs: number } | null;
  readonly overrideTokens: readonly OverrideToken[];
  readonly natsServers: readonly string[];
  readonly natsCredentialsFile: string | undefined;
  readonly bucket: string;
  readonly statusBucket: string;
  readonly replicas: number;
  readonly dataFolder: string;
  readonly logLevel: LogLevel;
  readonly drainTimeoutMs: number;
};

/** Reads the environment; throws `cannot_start` with a line for every variable that is wrong. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): ResolverConfig {
  const values = readEnvironment(variables, environment);
  return {
    host: values.HOST,
    httpPort: values.RESOLVER_HTTP_PORT,
    grpcPort: values.RESOLVER_GRPC_PORT,
    maxRequestBytes: values.RESOLVER_MAX_REQUEST_BYTES,
    activation: values.RESOLVER_ACTIVATION,
    group: values.RESOLVER_GROUP,
    cells:
      values.RESOLVER_CELLS_URL === ""
        ? null
        : {
            url: values.RESOLVER_CELLS_URL,
            timeoutMs: values.RESOLVER_CELLS_TIMEOUT_MS,
            ttlMs: values.RESOLVER_CELLS_TTL_MS,
          },
    overrideTokens: values.RESOLVER_OVERRIDE_TOKENS,
    natsServers: values.NATS_URL,
    natsCredentialsFile: values.NATS_CREDENTIALS,
    bucket: values.SIGNALBOX_BUCKET,
    statusBucket: values.SIGNALBOX_STATUS_BUCKET,
    replicas: values.STORE_REPLICAS,
    dataFolder: values.SIGNALBOX_DATA,
    logLevel: values.LOG_LEVEL,
    drainTimeoutMs: values.DRAIN_TIMEOUT_MS,
  };
}
