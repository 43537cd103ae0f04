import { status } from "@grpc/grpc-js";

/** What a code means to each outside. `retryable`: the same request may succeed later, here or on another replica. */
export type ErrorMeaning = {
  readonly grpcStatus: status;
  readonly httpStatus: number;
  readonly logLevel: "debug" | "info" | "warn" | "error";
  readonly retryable: boolean;
};

/** The only table of error codes: every failure that leaves a process is one of these. */
export const errorMeanings = {
  /** The request is malformed, or breaks a limit other than its size; `problems` lists all that is wrong. */
  invalid_request: meaning(status.INVALID_ARGUMENT, 400, "info"),
  /** The caller may not force a model version. */
  override_denied: meaning(status.PERMISSION_DENIED, 403, "warn"),
  /** No such objective in that namespace. */
  unknown_objective: meaning(status.NOT_FOUND, 404, "info"),
  /** No such path. */
  not_found: meaning(status.NOT_FOUND, 404, "debug"),
  /** The path exists, for another method. */
  method_not_allowed: meaning(status.UNIMPLEMENTED, 405, "debug"),
  payload_too_large: meaning(status.RESOURCE_EXHAUSTED, 413, "info"),
  unsupported_media_type: meaning(status.INVALID_ARGUMENT, 415, "info"),
  /** The model version to force is not one of the objective's. */
  override_unknown_version: meaning(status.FAILED_PRECONDITION, 422, "info"),
  /** The caller went away before the whole request had arrived. */
  cancelled: meaning(status.CANCELLED, 499, "debug"),
  internal: meaning(status.INTERNAL, 500, "error"),
  /** The process cannot start: an environment variable, a port. Never sent to anyone. */
  cannot_start: meaning(status.INTERNAL, 500, "error"),
  /** The process has no documents yet, or is ending. */
  not_ready: meaning(status.UNAVAILABLE, 503, "warn", true),
} as const satisfies Readonly<Record<string, ErrorMeaning>>;

export type ErrorCode = keyof typeof errorMeanings;

function meaning(
  grpcStatus: status,
  httpStatus: number,
  logLevel: ErrorMeaning["logLevel"],
  retryable = false,
): ErrorMeaning {
  return { grpcStatus, httpStatus, logLevel, retryable };
}

/** One of several things wrong with a request: `path` such as `context.userId`, empty for the whole. */
export type RequestProblem = { readonly path: string; readonly message: string };

/** The body of every error that is sent, over HTTP as `{"error": …}`. */
export type ErrorBody = {
  readonly code: ErrorCode;
  readonly message: string;
  /** Absent when there is nothing to list. */
  readonly problems?: readonly RequestProblem[];
  readonly retryable: boolean;
};

/**
 * Every failure of a process. `message` is sent to the caller: it names the place, the value found and the remedy.
 * `cause` is logged, never sent.
 */
export class SignalboxError extends Error {
  override readonly name = "SignalboxError";
  readonly code: ErrorCode;
  readonly problems: readonly RequestProblem[];

  constructor(
    code: ErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly problems?: readonly RequestProblem[] } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.problems = options.problems ?? [];
  }

  get meaning(): ErrorMeaning {
    return errorMeanings[this.code];
  }

  toBody(): ErrorBody {
    const { code, message, problems, meaning } = this;
    return { code, message, ...(problems.length > 0 ? { problems } : {}), retryable: meaning.retryable };
  }

  /** Anything thrown, as a SignalboxError: itself, or `internal` with what was thrown as the cause and nothing of it in the message. */
  static from(thrown: unknown): SignalboxError {
    if (thrown instanceof SignalboxError) return thrown;
    return new SignalboxError("internal", "An internal error; it is in the log of the process.", { cause: thrown });
  }
}

/** The text of anything thrown, for logs and for the terminal. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
