import { z } from "zod";
import { SignalboxError } from "./errors.ts";
import { logLevels } from "./logger.ts";

/** A TCP port; 0 is any free one. */
export function port(byDefault: number) {
  return z.coerce
    .number({ error: "must be a port: a whole number from 0 (any free one) to 65535" })
    .int("must be a whole number")
    .min(0, "must be at least 0")
    .max(65_535, "must be at most 65535")
    .default(byDefault);
}

/** A whole number of at least `minimum`. */
export function wholeNumber(byDefault: number, minimum = 1) {
  return z.coerce
    .number({ error: "must be a whole number" })
    .int("must be a whole number")
    .min(minimum, `must be at least ${minimum}`)
    .default(byDefault);
}

/** Words with commas between them; spaces around them do not count. */
export function commaList(byDefault: string) {
  return z
    .string()
    .default(byDefault)
    .transform((text) =>
      text
        .split(",")
        .map((word) => word.trim())
        .filter((word) => word !== ""),
    );
}

/** The variables that every process knows; spread into its own schema. */
export const commonVariables = {
  /** NATS servers, one or several with commas between. */
  NATS_URL: commaList("nats://127.0.0.1:4222").pipe(
    z.array(z.string()).min(1, "must name at least one server such as nats://127.0.0.1:4222"),
  ),
  /** A NATS credentials file; none by default. */
  NATS_CREDENTIALS: z.string().optional(),
  /** The folder for snapshots. */
  SIGNALBOX_DATA: z.string().default(".signalbox"),
  /** The KV bucket of the documents. */
  SIGNALBOX_BUCKET: z.string().default("signalbox"),
  /** The KV bucket of heartbeats. */
  SIGNALBOX_STATUS_BUCKET: z.string().default("signalbox-status"),
  /** Copies of the data when a process creates a bucket: 3 on a cluster of three NATS servers. */
  STORE_REPLICAS: wholeNumber(1),
  LOG_LEVEL: z.enum(logLevels, { error: `must be one of ${logLevels.join(", ")}` }).default("info"),
  /** The address to listen on; 0.0.0.0 is all of them. */
  HOST: z.string().default("127.0.0.1"),
  /** How long work under way may take to end after SIGTERM. */
  DRAIN_TIMEOUT_MS: wholeNumber(10_000, 0),
};

/**
 * Reads environment variables through a schema; an empty one counts as absent, others are ignored. Throws
 * `cannot_start` with a line for every variable that is wrong.
 */
export function readEnvironment<S extends z.ZodType>(
  schema: S,
  environment: Readonly<Record<string, string | undefined>>,
): z.output<S> {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ""));
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map(({ path: [variable], message }) => {
    const name = String(variable);
    const value = environment[name];
    return value === undefined || isSecret(name) ? `${name} ${message}` : `${name}=${JSON.stringify(value)} ${message}`;
  });
  throw new SignalboxError("cannot_start", ["The environment is not valid:", ...new Set(lines)].join("\n  "));
}

/** Values that must not be printed; a URL may hold a password. */
function isSecret(variable: string): boolean {
  return /TOKEN|SECRET|PASSWORD|URL$/.test(variable);
}
