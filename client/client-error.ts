/**
 * Why a call of the client failed.
 * - `invalid_options`: what `createSignalbox` was given; nothing was started.
 * - `invalid_request`: the objective, the context, an override or a payload; `problems` lists all that is wrong.
 * - `unknown_objective`: there is no such objective in that namespace.
 * - `override_denied`, `override_unknown_version`: a forced model version was refused.
 * - `unavailable`: nobody could answer, and nothing is known of the objective from before. Worth trying again.
 */
export type ClientErrorCode =
  | "invalid_options"
  | "invalid_request"
  | "unknown_objective"
  | "override_denied"
  | "override_unknown_version"
  | "unavailable";

/** One of several things that are wrong: `path` such as `context.userId`. */
export type ClientProblem = { readonly path: string; readonly message: string };

/** Every failure of the client but an abort, which rejects with the reason of its signal. */
export class SignalboxClientError extends Error {
  override readonly name = "SignalboxClientError";
  readonly code: ClientErrorCode;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  readonly problems: readonly ClientProblem[];

  constructor(
    code: ClientErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly problems?: readonly ClientProblem[] } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = code === "unavailable";
    this.problems = options.problems ?? [];
  }
}

/** The text of anything thrown. */
export function messageOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  // fetch says "fetch failed" and hides why in the cause.
  return thrown.cause instanceof Error ? `${thrown.message} (${thrown.cause.message})` : thrown.message;
}
