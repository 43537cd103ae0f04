import { type DestinationStream, type Logger, pino } from "pino";
import { errorMeanings, SignalboxError } from "./errors.ts";

export type { Logger } from "pino";

export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

export type LoggerSettings = {
  /** The process: `resolver`, `xds-server`. */
  readonly name: string;
  readonly level: LogLevel;
  /** Standard output by default. */
  readonly destination?: DestinationStream;
};

/**
 * A JSON log: one object a line with `time` (ISO 8601), `level` (a word), `process`, `message`, and the fields of the
 * event. One line per business event; secrets never go in.
 */
export function createLogger({ name, level, destination }: LoggerSettings): Logger {
  const options = {
    level,
    base: { process: name },
    messageKey: "message",
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return destination ? pino(options, destination) : pino(options);
}

/** Logs a failure at the level of its code, with its cause. */
export function logError(logger: Logger, thrown: unknown, message: string, fields: object = {}): void {
  const error = SignalboxError.from(thrown);
  const { code, problems, cause } = error;
  const reason = code === "internal" ? undefined : error.message;
  const known = { code, reason, problems: problems.length > 0 ? problems : undefined };
  logger[errorMeanings[code].logLevel]({ ...fields, ...known, err: cause }, message);
}
