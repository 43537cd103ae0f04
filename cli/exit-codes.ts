/** What the process ends with; part of the command line's contract. */
export const exitCode = {
  /** Done. */
  ok: 0,
  /** Refused or failed: an invalid document, a lost update, a request that was answered with an error. Nothing changed. */
  failed: 1,
  /** The command line itself is wrong. */
  usage: 2,
  /** NATS, a resolver or Envoy could not be reached, or is not ready. */
  unreachable: 3,
  /** Published, but not live everywhere within `--timeout`, or held back. */
  pending: 4,
  /** Ctrl-C, SIGTERM or the end of its terminal came before it was done. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCode)[keyof typeof exitCode];

/** Ends the command with a message for people and an exit code. */
export class CommandError extends Error {
  readonly code: ExitCode;

  constructor(message: string, code: ExitCode = exitCode.failed, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
